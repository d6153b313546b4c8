# The versions of a host's packages. A function of the paths of package options and of the system
# that the flake of the host makes. It builds nothing.
asked: system:

let
  inherit (system) config;
  lib = system.pkgs.lib;

  # null for a package that is refused or broken, and for an option without a value.
  tried =
    value:
    let
      result = builtins.tryEval value;
    in
    if result.success then result.value else null;

  one =
    package:
    let
      parsed = builtins.parseDrvName (package.name or "");
    in
    [
      (package.pname or parsed.name)
      (package.version or parsed.version)
    ];

  read =
    value:
    let
      package = tried value;
    in
    if package != null && lib.isDerivation package then
      tried (builtins.deepSeq (one package) (one package))
    else
      null;
in
{
  packages = lib.unique (lib.filter (p: p != null && lib.last p != "") (map read config.environment.systemPackages));
  parts = lib.filterAttrs (_: p: p != null) {
    kernel = read (config.boot.kernelPackages.kernel or null);
    nix = read (config.nix.package or null);
    systemd = read (config.systemd.package or null);
  };
  options = map (path: {
    name = path;
    package = read (lib.attrByPath path null config);
  }) asked;
}
