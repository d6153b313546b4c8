# Directories of units that nothing keeps on a root that forgets. The checks of homelab read the
# modules of a host as text; this reads the merged system.
{
  config,
  lib,
  ...
}:

let
  cfg = config.homelab.keptState;
  stores = lib.filter (store: store.enable or true) (lib.attrValues config.environment.persistence);
  kept = map (entry: entry.directory) (lib.concatMap (store: store.directories) stores);
  mounted = map (system: system.mountPoint) (lib.attrValues config.fileSystems);
  # dhcpcd runs by default, and asks for another lease.
  leases = [ "/var/lib/dhcpcd" ];
  places = kept ++ lib.filter (mount: mount != "/") mounted ++ cfg.elsewhere ++ leases;
  isWithin = path: top: path == top || lib.hasPrefix "${top}/" path;

  # StateDirectory has words, each with names of links after a colon. What only systemd knows of a
  # template's instance is left out.
  wordsOf =
    value:
    if lib.isList value then
      lib.concatMap wordsOf value
    else
      lib.filter (word: word != "") (lib.splitString " " (toString value));
  topOf = word: lib.head (lib.splitString "/" (lib.head (lib.splitString ":" word)));
  nameOf =
    unit: word:
    lib.replaceStrings
      [
        "%N"
        "%n"
        "%p"
      ]
      [
        unit
        "${unit}.service"
        (lib.head (lib.splitString "@" unit))
      ]
      (topOf word);
  stateOf =
    unit: service:
    let
      isDynamic = lib.elem (service.serviceConfig.DynamicUser or false) [
        true
        "true"
        "yes"
      ];
      top = if isDynamic then "/var/lib/private" else "/var/lib";
      names = map (nameOf unit) (wordsOf (service.serviceConfig.StateDirectory or ""));
    in
    map (name: {
      path = "${top}/${name}";
      inherit unit;
    }) (lib.unique (lib.filter (name: !lib.hasInfix "%" name) names));

  units = lib.filterAttrs (_: service: service.enable or true) config.systemd.services;
  state = lib.concatLists (lib.mapAttrsToList stateOf units);
  lost = lib.filter (one: !lib.any (isWithin one.path) places) state;
in
{
  options.homelab.keptState.elsewhere = lib.mkOption {
    type = lib.types.listOf lib.types.str;
    default = [ ];
    example = [ "/var/lib/upower" ];
    description = "Directories that units write and that a restart may empty, or that something else keeps.";
  };

  config.warnings = lib.optional (lost != [ ]) ''
    homelab.keptState: a restart empties ${
      lib.concatMapStringsSep ", " (one: "${one.path} of ${one.unit}.service") lost
    }. Add it to persistence.directories of the host in the stack config; or, if it may be lost, to
    homelab.keptState.elsewhere in a module.
  '';
}
