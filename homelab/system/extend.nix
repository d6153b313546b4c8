# The system of a flake in this tree, with modules added. Its inputs are those of this tree's flake.
{
  inputs,
  directory,
  name,
  modules,
  specialArgs ? { },
}:

let
  # As Nix copies a flake: its files have the store paths that they have when it is built alone.
  source = builtins.path {
    path = directory;
    name = "source";
  };
  # An evaluation that may not write to the store reads the files where they are.
  isStored = builtins.pathExists (builtins.unsafeDiscardStringContext source + "/flake.nix");
  flake = import ((if isStored then source else directory) + "/flake.nix");
  theirs = builtins.intersectAttrs ((flake.inputs or { }) // builtins.functionArgs flake.outputs) inputs;
  sourceInfo = {
    outPath = source;
    # A directory has no date.
    lastModified = 0;
    lastModifiedDate = "19700101000000";
  };
  self =
    outputs
    // sourceInfo
    // {
      inherit outputs sourceInfo;
      inputs = theirs // {
        inherit self;
      };
      _type = "flake";
    };
  outputs = flake.outputs (theirs // { inherit self; });
  system = outputs.nixosConfigurations.${name};
in
system.extendModules {
  inherit modules;
  # Arguments that its modules have already keep their values.
  specialArgs = removeAttrs specialArgs (builtins.attrNames (system._module.specialArgs or { }));
}
