# The outputs of a host's flake without the flakes feature, from inputs in directories.
{ tree, paths }:

let
  call =
    path:
    let
      flake = import (path + "/flake.nix");
      self = outputs // {
        outPath = path;
        inherit inputs;
        # A directory has no date; nixpkgs needs one for its version.
        lastModified = 0;
        lastModifiedDate = "19700101000000";
        sourceInfo.outPath = path;
      };
      # An input without a directory throws its name when it is used.
      wanted = builtins.mapAttrs (
        name: _: all.${name} or (throw "no directory was named for the input ${name}")
      ) (removeAttrs (builtins.functionArgs flake.outputs) [ "self" ]);
      inputs = all // wanted;
      # A flake that names its arguments one by one, as that of nixpkgs, refuses any other.
      declared = flake.inputs or { } // builtins.functionArgs flake.outputs;
      outputs = flake.outputs (builtins.intersectAttrs declared inputs // { inherit self; });
    in
    self;
  all = builtins.mapAttrs (_: call) paths;
in
call tree
