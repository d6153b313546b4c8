# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Accounts that may log in
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    security.sudo.wheelNeedsPassword = false;

    users.users.root.openssh.authorizedKeys.keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X sam@macbook"
    ];

    users.users.sam = {
      extraGroups = [ "wheel" ];
      isNormalUser = true;
      openssh.authorizedKeys.keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X sam@macbook"
      ];
    };
  };
}
