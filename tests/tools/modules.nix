# A small module system: as much of nixpkgs' as the libraries of a host's tree use. Options that no
# module declares merge by their values, so what a library sets of nixpkgs comes out as data.
# Tests with a real nixpkgs hold the libraries to the real one: tests/evaluation.
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isFunction
    isList
    isString
    length
    listToAttrs
    mapAttrs
    sort
    ;
  isPlain = value: isAttrs value && !(value ? _type) && !(value ? type && value.type == "derivation");
  zip =
    f: sets:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name (map (s: s.${name}) (filter (s: s ? ${name}) sets));
      }) (lib.unique (concatMap attrNames sets))
    );

  # Definitions of a value, without mkMerge, mkIf, mkOverride and mkOrder around it.
  discharged =
    value:
    if !(isAttrs value && value ? _type) then
      [
        {
          priority = 100;
          order = 1000;
          inherit value;
        }
      ]
    else if value._type == "merge" then
      concatMap discharged value.contents
    else if value._type == "if" then
      if value.condition then discharged value.content else [ ]
    else if value._type == "override" then
      map (d: d // { inherit (value) priority; }) (discharged value.content)
    else if value._type == "order" then
      map (d: d // { order = value.priority; }) (discharged value.content)
    else
      throw "modules.nix knows no ${value._type}";
  best =
    defs:
    let
      least = foldl' (a: d: if d.priority < a then d.priority else a) 9999 defs;
    in
    map (d: d.value) (sort (a: b: a.order < b.order) (filter (d: d.priority == least) defs));

  # What several modules define, where no type says how it merges.
  free =
    name: values:
    let
      defs = concatMap discharged values;
      found = best defs;
    in
    if all (d: isPlain d.value) defs then
      zip (key: free "${name}.${key}") (map (d: d.value) defs)
    else if all isList found then
      lib.concatLists found
    else if all isString found && length found > 1 then
      lib.concatStrings found
    else
      head found;

  type = name: check: merge: {
    inherit name check merge;
    nestedTypes = { };
    getSubOptions = _: { };
  };
  simple = name: check: type name check (_: defs: one name check (best defs));
  one =
    name: check: values:
    if all (v: v == head values) values && check (head values) then
      head values
    else
      throw "not one value of type ${name}";
  types = {
    str = simple "str" isString;
    bool = simple "bool" builtins.isBool;
    ints.unsigned = simple "unsignedInt" (v: builtins.isInt v && v >= 0);
    enum = values: simple "enum" (v: builtins.elem v values);
    listOf =
      inner:
      type "listOf" isList (
        name: defs: map (v: inner.merge name (discharged v)) (lib.concatLists (best defs))
      )
      // {
        nestedTypes.elemType = inner;
      };
    nullOr =
      inner:
      type "nullOr" (v: v == null || inner.check v) (
        name: defs: if all (v: v == null) (best defs) then null else inner.merge name defs
      )
      // {
        nestedTypes.elemType = inner;
      };
    either =
      left: right:
      type "either" (v: left.check v || right.check v) (
        name: defs: (if all left.check (best defs) then left else right).merge name defs
      )
      // {
        nestedTypes = { inherit left right; };
      };
    attrsOf =
      inner:
      type "attrsOf" isAttrs (
        name: defs: zip (key: values: inner.merge key (concatMap discharged values)) (map (d: d.value) defs)
      )
      // {
        nestedTypes.elemType = inner;
      };
    submodule =
      module:
      let
        made = name: config: if isFunction module then module { inherit name config lib; } else module;
      in
      type "submodule" isAttrs (
        name: defs:
        let
          config = options "" (made name config).options (map (d: d.value) defs);
        in
        config
      )
      // {
        getSubOptions = _: (made "<name>" { }).options;
      };
  };

  # Every option of a tree, merged; what the tree does not have is refused.
  options =
    path: tree: values:
    if (tree._type or "") == "option" then
      tree.type.merge path (
        concatMap discharged values
        ++ (if tree ? default then map (d: d // { priority = 1500; }) (discharged tree.default) else [ ])
      )
    else
      let
        sets = map (d: d.value) (concatMap discharged values);
        unknown = filter (key: !(tree ? ${key})) (concatMap attrNames sets);
      in
      if unknown != [ ] then
        throw "the option `${path}.${head unknown}' does not exist"
      else
        mapAttrs (
          key: inner: options "${path}.${key}" inner (map (s: s.${key}) (filter (s: s ? ${key}) sets))
        ) tree;

  lib = builtins // {
    inherit types;
    isDerivation = v: v ? type && v.type == "derivation";
    mkOption = attrs: attrs // { _type = "option"; };
    mkMerge = contents: {
      _type = "merge";
      inherit contents;
    };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkOverride = priority: content: {
      _type = "override";
      inherit priority content;
    };
    mkDefault = lib.mkOverride 1000;
    mkForce = lib.mkOverride 50;
    mkOrder = priority: content: {
      _type = "order";
      inherit priority content;
    };
    mkBefore = lib.mkOrder 500;
    mkAfter = lib.mkOrder 1500;
    nameValuePair = name: value: { inherit name value; };
    genAttrs = names: f: listToAttrs (map (n: lib.nameValuePair n (f n)) names);
    mapAttrsToList = f: set: map (n: f n set.${n}) (attrNames set);
    mapAttrs' = f: set: listToAttrs (lib.mapAttrsToList f set);
    filterAttrs = f: set: removeAttrs set (filter (n: !(f n set.${n})) (attrNames set));
    concatStrings = builtins.concatStringsSep "";
    concatMapStrings = f: list: lib.concatStrings (map f list);
    concatMapStringsSep =
      sep: f: list:
      builtins.concatStringsSep sep (map f list);
    makeBinPath = lib.concatMapStringsSep ":" (package: "${package}/bin");
    optional = test: value: if test then [ value ] else [ ];
    optionals = test: list: if test then list else [ ];
    optionalAttrs = test: set: if test then set else { };
    optionalString = test: text: if test then text else "";
    any = builtins.any;
    subtractLists = without: filter (v: !builtins.elem v without);
    range = first: last: genList (n: first + n) (last - first + 1);
    unique = foldl' (list: v: if builtins.elem v list then list else list ++ [ v ]) [ ];
  };

  # Sets of options of one module. A condition goes below the first key: it may ask for the
  # configuration itself, whose first keys are asked for before anything else.
  pushed =
    value:
    if (value._type or "") == "merge" then
      concatMap pushed value.contents
    else if (value._type or "") == "if" then
      map (mapAttrs (_: lib.mkIf value.condition)) (pushed value.content)
    else
      [ value ];

  loaded =
    arguments: module:
    let
      read = if builtins.isPath module || isString module then import module else module;
      content = if isFunction read then read arguments else read;
    in
    [ content ] ++ concatMap (loaded arguments) (content.imports or [ ]);
in
{
  inherit lib;

  # The merged configuration of modules, with `pkgs` and further arguments.
  evaluate =
    arguments: modules:
    let
      found = concatMap (loaded (
        arguments
        // {
          inherit lib config;
          options = declared;
        }
      )) modules;
      declared = foldl' joined { } (map (m: m.options or { }) found);
      joined =
        a: b:
        a
        // mapAttrs (
          key: inner: if a ? ${key} && (inner._type or "") != "option" then joined a.${key} inner else inner
        ) b;
      plain =
        m:
        if m ? config then
          m.config
        else
          removeAttrs m [
            "imports"
            "options"
          ];
      definitions = concatMap (m: pushed (plain m)) found;
      config = zip (
        key: values: if declared ? ${key} then options key declared.${key} values else free key values
      ) ([ (mapAttrs (_: _: { }) declared) ] ++ definitions);
    in
    config;
}
