# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Identity: who may pass the gate in front of apps that cannot ask by themselves.
{ lib, ... }:

let
  derive = import ./lib/derive.nix lib;
in
{
  config = derive {
    services.authelia.instances.main = {
      enable = true;
      secrets = {
        jwtSecretFile = "/run/homelab/secrets/authelia-jwt";
        sessionSecretFile = "/run/homelab/secrets/authelia-session";
        storageEncryptionKeyFile = "/run/homelab/secrets/authelia-storage-encryption";
      };
      settings = {
        access_control = {
          default_policy = "deny";
          rules = [
            {
              domain = [ "draw.home.example.org" ];
              policy = "one_factor";
            }
            {
              domain = [
                "music.home.example.org"
                "music-home.example.org"
              ];
              policy = "bypass";
              resources = [
                "^/rest/"
                "^/share/"
              ];
            }
            {
              domain = [
                "music.home.example.org"
                "music-home.example.org"
              ];
              policy = "one_factor";
            }
            {
              domain = [ "vote.home.example.org" ];
              policy = "one_factor";
            }
          ];
        };
        authentication_backend = {
          file = {
            path = "/run/secrets/authelia-users";
            watch = false;
          };
          password_change.disable = true;
          # The users' file is a secret of the stack; nothing on this host may change it.
          password_reset = {
            disable = true;
          };
        };
        log = {
          format = "text";
          level = "info";
        };
        # Codes for a new second factor are written here instead of mailed.
        notifier.filesystem = {
          filename = "/var/lib/authelia-main/notifications.txt";
        };
        server.address = "tcp://127.0.0.1:9091/";
        session = {
          cookies = [
            {
              authelia_url = "https://auth.home.example.org";
              domain = "home.example.org";
            }
            {
              authelia_url = "https://auth-home.example.org";
              domain = "example.org";
              name = "authelia_session_public";
            }
          ];
          expiration = "12h";
          inactivity = "2h";
          remember_me = "1M";
        };
        storage.local.path = "/var/lib/authelia-main/db.sqlite3";
        theme = "auto";
        totp.issuer = "home.example.org";
        webauthn.display_name = "home.example.org";
      };
    };
  };
}
