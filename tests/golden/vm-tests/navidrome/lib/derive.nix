# What follows from the stack config yields to a module of your own: a value stands at priority
# 900, below a plain definition and above nixpkgs' mkDefault. The option's type says what one value
# is. Where it merges parts (attrsOf, submodules, freeform settings), each part yields by itself;
# where it takes a value whole (attrs, types with a merge of their own), the whole value yields.
# Lists stay as they are where the type joins them, and so do mkForce, mkAfter and mkBefore.
{ lib, options }:

let
  yields = lib.mkOverride 900;

  isSet =
    value:
    builtins.isAttrs value
    && !(value ? _type || value ? __functor || value ? outPath || lib.isDerivation value);

  # A value that says its own priority or order.
  isSaid = value: builtins.isAttrs value && value ? _type;

  # Before 21.11 and 24.11 types told of their parts by `functor.wrapped`.
  nested = type: name: type.nestedTypes.${name} or null;
  element =
    type:
    let
      wrapped = type.functor.wrapped or null;
    in
    if nested type "elemType" != null then
      nested type "elemType"
    else if builtins.isAttrs wrapped then
      wrapped
    else
      opaque;
  branches =
    type:
    if nested type "left" != null then
      [
        (nested type "left")
        (nested type "right")
      ]
    else
      type.functor.wrapped or [ ];

  opaque.name = "opaque";

  # How a value of a type yields. What is asked of the type is asked once for all its values.
  byType =
    type:
    {
      attrsOf = byElement type;
      lazyAttrsOf = byElement type;
      # What attrsOf was called for some options until 20.09.
      loaOf = byElement type;
      submodule = bySubmodule type;
      nullOr =
        let
          inner = byType (element type);
        in
        value: if value == null then yields value else inner value;
      either =
        value:
        let
          fitting = builtins.filter (branch: branch.check value) (branches type);
        in
        if fitting == [ ] then yields value else byType (builtins.head fitting) value;
      coercedTo =
        let
          from = nested type "coercedType";
          to = nested type "finalType";
        in
        value: if to == null || from.check value then yields value else byType to value;
      # Sets merge by key, at every depth; lists must be equal.
      anything = value: if isSet value then builtins.mapAttrs (_: typed type) value else yields value;
      # Lists of all modules join; of other values the one with the best priority holds.
      listOf = joins;
      nonEmptyListOf = joins;
      "systemd option" = joins;
      # It merges as nixpkgs merges its configuration, which knows no priorities.
      nixpkgs-config = value: value;
    }
    .${type.name or "opaque"} or yields;

  joins = value: if builtins.isList value then value else yields value;

  typed = type: value: if isSaid value then value else byType type value;

  byElement =
    type:
    let
      inner = typed (element type);
    in
    value: if isSet value then builtins.mapAttrs (_: inner) value else yields value;

  bySubmodule =
    type:
    let
      known = type.getSubOptions [ ];
      free = nested type "freeformType";
      # A freeform type that takes its set whole merges keys without looking for priorities.
      rest =
        name: value:
        let
          set = byType free { ${name} = value; };
        in
        if free == null then
          yields value
        else if set ? _type then
          value
        else
          set.${name};
    in
    value:
    if isSet value then
      builtins.mapAttrs (
        name: inner:
        if isSaid inner then
          inner
        else if known ? ${name} then
          byOption known.${name} inner
        else
          rest name inner
      ) value
    else
      yields value;

  # An option, or a set of options. What no module declares is refused by its whole path.
  byOption =
    option: value:
    if (option._type or null) == "option" then
      typed option.type value
    else if isSet value then
      builtins.mapAttrs (name: byOption (option.${name} or { })) value
    else if isSaid value || builtins.isList value then
      value
    else
      yields value;
in
byOption options
