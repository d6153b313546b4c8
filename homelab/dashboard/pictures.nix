# Files that the dashboard serves: icons, the favicon in the sizes that browsers ask for, and a script.
# The result is the path of their directory. With `package` it is a bind mount for the dashboard's unit,
# over the directory that the package serves: a package with further files would have to be built here.
{
  lib,
  icoutils,
  librsvg,
  runCommand,
  icons ? null,
  favicon ? null,
  script ? null,
  package ? null,
}:

let
  public = "${package}/share/homepage/public";
  sizes = {
    "favicon-16x16.png" = 16;
    "favicon-32x32.png" = 32;
    "apple-touch-icon.png" = 180;
    "android-chrome-192x192.png" = 192;
    "android-chrome-512x512.png" = 512;
  };
  draw = name: size: ''
    rsvg-convert --keep-aspect-ratio --width ${toString size} --height ${toString size} \
      --output "$out/${name}" ${favicon}
  '';
  files =
    runCommand "dashboard-pictures"
      {
        nativeBuildInputs = lib.optionals (favicon != null) [
          icoutils
          librsvg
        ];
      }
      ''
        mkdir -p "$out"
        ${lib.optionalString (package != null) ''
          cp --recursive --no-preserve=mode ${public}/. "$out"
        ''}
        ${lib.optionalString (icons != null) ''
          mkdir -p "$out/icons"
          cp --recursive --no-preserve=mode ${icons}/. "$out/icons"
        ''}
        ${lib.optionalString (script != null) ''
          cp ${script} "$out/links.js"
        ''}
        ${lib.optionalString (favicon != null) ''
          ${lib.concatStrings (lib.mapAttrsToList draw sizes)}
          icotool --create --output "$out/homepage.ico" "$out/favicon-16x16.png" "$out/favicon-32x32.png"
          cp --no-preserve=mode ${favicon} "$out/favicon.svg"
        ''}
      '';
in
if package == null then "${files}" else "${files}:${public}"
