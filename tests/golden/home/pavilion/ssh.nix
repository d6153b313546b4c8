# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# SSH: keys only
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.openssh = {
      enable = true;
      openFirewall = false;
      ports = [ 22 ];
      settings = {
        KbdInteractiveAuthentication = false;
        PasswordAuthentication = false;
        PermitRootLogin = "prohibit-password";
      };
    };
  };
}
