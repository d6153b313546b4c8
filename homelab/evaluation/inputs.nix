# A host's flake without flakes: its outputs, from inputs that lie here as directories.
{ tree, paths }:

let
  call =
    path:
    let
      flake = import (path + "/flake.nix");
      self = outputs // {
        outPath = path;
        inherit inputs;
        # A checkout has no date of its own; nixpkgs asks for one to tell its version.
        lastModified = 0;
        lastModifiedDate = "19700101000000";
        sourceInfo.outPath = path;
      };
      # What it names and nobody gave fails when it is used, by its name.
      wanted = builtins.mapAttrs (
        name: _: all.${name} or (throw "no directory was named for the input ${name}")
      ) (removeAttrs (builtins.functionArgs flake.outputs) [ "self" ]);
      inputs = all // wanted;
      outputs = flake.outputs (inputs // { inherit self; });
    in
    self;
  all = builtins.mapAttrs (_: call) paths;
in
call tree
