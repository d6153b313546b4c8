# Writers of the languages that values go into.
{ lib }:

let
  escaped = lib.replaceStrings [ "\\" "\"" ] [ "\\\\" "\\\"" ];
  quotedWith =
    special: path:
    let
      text = lib.replaceStrings [ "%" ] [ "%%" ] path;
    in
    if builtins.match ".*[${special}].*" text != null then "\"${escaped text}\"" else text;
in
{
  # One word of a shell script.
  forShell =
    text:
    if builtins.match "[A-Za-z0-9@%+=:,./_-]+" text != null then
      text
    else
      "'${lib.replaceStrings [ "'" ] [ "'\"'\"'" ] text}'";
  # A path as one word of a unit file, in which % is a specifier.
  forSystemd = quotedWith " \t:\"'\\";
  # A path as one argument of sshd_config, in which % is a token.
  forSshd = quotedWith " \t#\"'\\=";
}
