# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Identity provider and auth proxy: users, access rules and OIDC clients.
{
  lib,
  options,
  pkgs,
  ...
}:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.authelia.instances.main = {
      enable = true;
      secrets = {
        jwtSecretFile = "/run/homelab/secrets/authelia-jwt";
        oidcHmacSecretFile = "/run/homelab/secrets/authelia-oidc-hmac";
        oidcIssuerPrivateKeyFile = "/var/lib/authelia-main/oidc.pem";
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
          # The users file is a secret of the stack, so it cannot change on this host.
          password_reset = {
            disable = true;
          };
        };
        identity_providers.oidc.clients = [
          {
            authorization_policy = "one_factor";
            client_id = "news";
            client_name = "Miniflux";
            client_secret = "{{ secret \"/run/homelab/secrets/authelia-oidc-news\" }}";
            consent_mode = "implicit";
            grant_types = [ "authorization_code" ];
            redirect_uris = [ "https://news.home.example.org/oauth2/oidc/callback" ];
            response_types = [ "code" ];
            scopes = [
              "openid"
              "profile"
              "email"
            ];
            token_endpoint_auth_method = "client_secret_basic";
          }
        ];
        log = {
          format = "text";
          level = "info";
        };
        # Codes for registering a second factor go to this file instead of e-mail.
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
          remember_me = "30d";
        };
        storage.local.path = "/var/lib/authelia-main/db.sqlite3";
        theme = "auto";
        totp.issuer = "home.example.org";
        webauthn.display_name = "home.example.org";
      };
    };

    systemd.services.authelia-main-key = {
      before = [ "authelia-main.service" ];
      description = "Create the token signing key of Authelia";
      path = [ pkgs.openssl ];
      requiredBy = [ "authelia-main.service" ];
      script = ''
        . ${./lib/oidc-key.sh} /var/lib/authelia-main/oidc.pem
      '';
      serviceConfig = {
        Group = "authelia-main";
        RemainAfterExit = true;
        StateDirectory = "authelia-main";
        StateDirectoryMode = "0700";
        Type = "oneshot";
        UMask = "0077";
        User = "authelia-main";
      };
    };
  };
}
