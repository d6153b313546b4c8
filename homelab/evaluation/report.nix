# The report of `homelab eval` on one host. A function of the request and of the system that the
# flake of the host makes. It builds and changes nothing.
asked: system:

let
  inherit (system) config options;
  lib = system.pkgs.lib;

  # Definitions of an option with the file of each; nixpkgs of every age has both lists.
  definitions = option: lib.zipListsWith (file: value: { inherit file value; }) (map toString option.files) option.definitions;

  failed = lib.concatMap (
    one: map (a: { inherit (one) file; text = a.message; }) (lib.filter (a: !a.assertion) one.value)
  ) (definitions options.assertions);

  warned = lib.concatMap (
    one:
    map (text: {
      inherit (one) file;
      inherit text;
    }) one.value
  ) (definitions options.warnings);

  # The option at or above a path: its name, and the files that declare it.
  option =
    node: path: name:
    if lib.isOption node then
      { inherit name; files = map toString node.declarations; }
    else if path == [ ] then
      { inherit name; files = [ ]; }
    else if builtins.isAttrs node && node ? ${lib.head path} then
      option node.${lib.head path} (lib.tail path) (name ++ [ (lib.head path) ])
    else
      { name = name ++ [ (lib.head path) ]; files = null; };

  options' = map (path: option options path [ ]) asked.options;

  # The option at or above a path itself; null if this nixpkgs does not have it.
  node =
    tree: path:
    if lib.isOption tree then
      tree
    else if path != [ ] && builtins.isAttrs tree && tree ? ${lib.head path} then
      node tree.${lib.head path} (lib.tail path)
    else
      null;

  # The values at a path below a value, where * is any name.
  valuesAt =
    value: path: at:
    if path == [ ] then
      [ { inherit value; path = at; } ]
    else if !(builtins.isAttrs value) then
      [ ]
    else if lib.head path == "*" then
      lib.concatMap (name: valuesAt value.${name} (lib.tail path) (at ++ [ name ])) (lib.attrNames value)
    else if value ? ${lib.head path} then
      valuesAt value.${lib.head path} (lib.tail path) (at ++ [ (lib.head path) ])
    else
      [ ];

  # A value of the security baseline as JSON: packages and paths as text.
  simple =
    value:
    if builtins.isList value then
      map simple value
    else if builtins.isPath value || lib.isDerivation value then
      toString value
    else if builtins.isAttrs value then
      lib.mapAttrs (_: simple) (lib.filterAttrs (name: _: name != "_module") value)
    else if builtins.isFunction value then
      null
    else
      value;

  secured =
    path:
    let
      found = node options path;
      starred = lib.elem "*" path;
    in
    lib.optionals (found != null && found.isDefined or true) (
      map (one: {
        inherit (one) path;
        value = simple one.value;
        files = if starred then [ ] else map toString found.files;
      }) (valuesAt config path [ ])
    );

  # Values as systemd gets them, one text for each.
  plain =
    value:
    if builtins.isList value then
      lib.concatMap plain value
    else if value == null then
      [ ]
    else if builtins.isBool value then
      [ (lib.boolToString value) ]
    else
      [ (toString value) ];

  unit =
    name:
    let
      found = config.systemd.services.${name} or null;
    in
    if found == null || found.enable == false then
      null
    else
      lib.mapAttrs (_: plain) (
        lib.filterAttrs (setting: _: lib.elem setting asked.settings) found.serviceConfig
      );

  person = user: {
    normal = user.isNormalUser;
    groups = [ user.group ] ++ user.extraGroups;
    keys = user.openssh.authorizedKeys.keys;
  };

  # Numbers that several accounts or several groups have: the names of each, and the files that give
  # it the number, or else those that define it.
  shared =
    kind: name:
    let
      numbered = lib.filterAttrs (_: one: one.${kind} != null) config.users.${name};
      names = number: lib.filter (one: numbered.${one}.${kind} == number) (lib.attrNames numbered);
      owner =
        one:
        let
          defining = lib.filter (d: builtins.isAttrs d.value && d.value ? ${one}) (definitions options.users.${name});
          giving = lib.filter (d: builtins.isAttrs d.value.${one} && d.value.${one} ? ${kind}) defining;
        in
        {
          name = one;
          files = map (d: d.file) (if giving == [ ] then defining else giving);
        };
    in
    map (number: {
      inherit kind number;
      owners = map owner (names number);
    }) (lib.filter (number: lib.length (names number) > 1) (lib.unique (map (one: one.${kind}) (lib.attrValues numbered))));

  ports = from: {
    tcp = from.allowedTCPPorts;
    udp = from.allowedUDPPorts;
    tcp_ranges = map (r: [ r.from r.to ]) from.allowedTCPPortRanges;
    udp_ranges = map (r: [ r.from r.to ]) from.allowedUDPPortRanges;
  };

  firewall = config.networking.firewall;

  # Definitions that open ports on every interface.
  openers =
    key: name: map (one: { inherit (one) file; ${key} = one.value; }) (definitions options.networking.firewall.${name});
in
{
  release = lib.trivial.release;
  assertions = failed;
  warnings = warned;
  # Every option that the tree sets and this nixpkgs does not have.
  absent = lib.unique (map (o: o.name) (lib.filter (o: o.files == null) options'));
  # Files that declare the options of the tree. They identify the module of a message.
  declared = (
    lib.unique (map (o: { inherit (o) name files; }) (lib.filter (o: o.files != null && o.files != [ ]) options'))
  );
  units = lib.genAttrs asked.units unit;
  users = lib.mapAttrs (_: person) config.users.users;
  numbers = shared "uid" "users" ++ shared "gid" "groups";
  file_systems = lib.mapAttrs (_: fs: {
    inherit (fs) device options;
    type = fs.fsType;
    early = fs.neededForBoot;
  }) config.fileSystems;
  firewall = {
    inherit (firewall) enable;
    trusted = firewall.trustedInterfaces;
    everywhere = ports firewall;
    interfaces = lib.mapAttrs (_: ports) firewall.interfaces;
    rules = firewall.extraInputRules or "";
  };
  secured = {
    values = lib.concatMap secured asked.secured;
    missing = lib.filter (path: node options path == null) asked.secured;
  };
  opened = openers "tcp" "allowedTCPPorts" ++ openers "udp" "allowedUDPPorts";
  # Everything depends on it. With a failed assertion it would throw.
  toplevel = if failed == [ ] then config.system.build.toplevel.drvPath else "";
}
