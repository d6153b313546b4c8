# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Stored secrets, decrypted on this host with its own SSH host key
{
  config,
  lib,
  options,
  ...
}:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    sops.defaultSopsFile = ./secrets.yaml;
    sops.gnupg.sshKeyPaths = [ ];

    sops.secrets = {
      authelia-users = {
        format = "yaml";
        key = "authelia/users";
        mode = "0400";
        owner = "authelia-main";
        restartUnits = [ "authelia-main.service" ];
        sopsFile = ./secrets.yaml;
      };
      ntfy-topic = {
        format = "yaml";
        key = "ntfy/topic";
        sopsFile = ./secrets.yaml;
      };
      restic-b2-credentials = {
        format = "yaml";
        key = "restic/b2";
        mode = "0400";
        owner = "root";
        sopsFile = ./secrets.yaml;
      };
    };

    sops.templates.ntfy-topic = {
      content = ''
        NTFY_TOPIC=${config.sops.placeholder."ntfy-topic"}
      '';
      mode = "0400";
      owner = "root";
      restartUnits = [ "gatus.service" ];
    };
  };
}
