# Directories of units, of accounts and of tmpfiles that nothing keeps on a root that forgets. The
# checks of homelab read the modules of a host as text; this reads the merged system.
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
  # What is had again: a lease, mounted sticks, where the machine is, and who signed in last.
  again = [
    "/var/lib/dhcpcd"
    "/var/lib/geoclue"
    "/var/lib/lightdm"
    "/var/lib/lightdm-data"
    "/var/lib/sddm"
    "/var/lib/udisks2"
  ];
  places = kept ++ lib.filter (mount: mount != "/") mounted ++ cfg.elsewhere ++ again;
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
      owner = "of ${unit}.service";
    }) (lib.unique (lib.filter (name: !lib.hasInfix "%" name) names));

  units = lib.filterAttrs (_: service: service.enable or true) config.systemd.services;

  # An account or a line of tmpfiles names directories without data, too: temporary ones, and the
  # parents of what is kept.
  notData = [
    "/bin"
    "/boot"
    "/dev"
    "/etc"
    "/lib"
    "/nix"
    "/proc"
    "/root"
    "/run"
    "/sys"
    "/tmp"
    "/usr"
    "/var/cache"
    "/var/empty"
    "/var/log"
    "/var/run"
    "/var/tmp"
  ];
  mayHave =
    one:
    lib.hasPrefix "/" one.path
    && !lib.any (isWithin one.path) notData
    && !lib.any (place: isWithin place one.path) places;

  homes = lib.mapAttrsToList (name: user: {
    path = user.home;
    owner = "of the account ${name}";
  }) (lib.filterAttrs (_: user: user.createHome or false) config.users.users);

  # Lines of tmpfiles.d that make a directory, and clean nothing in it by age.
  makes =
    type:
    lib.elem (lib.head (lib.splitString "!" type)) [
      "d"
      "q"
      "Q"
      "v"
    ];
  ofLine =
    line:
    let
      words = wordsOf (lib.replaceStrings [ "'" "\"" ] [ "" "" ] line);
      age = if lib.length words > 5 then lib.elemAt words 5 else "-";
    in
    lib.optional (lib.length words > 1 && makes (lib.head words) && age == "-") {
      path = lib.elemAt words 1;
      owner = "of tmpfiles";
    };
  ofPath =
    path: types:
    lib.optional (lib.any (type: makes type && (types.${type}.age or "-") == "-") (lib.attrNames types))
      {
        inherit path;
        owner = "of tmpfiles";
      };
  made =
    lib.concatMap ofLine config.systemd.tmpfiles.rules
    ++ lib.concatMap (file: lib.concatLists (lib.mapAttrsToList ofPath file)) (
      lib.attrValues (config.systemd.tmpfiles.settings or { })
    );

  state = lib.concatLists (lib.mapAttrsToList stateOf units) ++ lib.filter mayHave (homes ++ made);
  unkept = lib.filter (one: !lib.any (isWithin one.path) places) state;
  # A directory of a unit may be a home and in a line of tmpfiles as well. The first of a name counts.
  lost = lib.attrValues (
    lib.listToAttrs (
      map (one: {
        name = one.path;
        value = one;
      }) unkept
    )
  );
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
      lib.concatMapStringsSep ", " (one: "${one.path} ${one.owner}") lost
    }. Add it to persistence.directories of the host in the stack config; or, if it may be lost, to
    homelab.keptState.elsewhere in a module.
  '';
}
