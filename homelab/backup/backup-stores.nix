# Directories of this host that other hosts back up to. Each client has an account of its own: it can
# use SFTP alone, and sees its own repositories alone, whatever this host's datasets allow.
{
  config,
  lib,
  options,
  ...
}:

let
  inherit (lib) mkOption types;
  derive = import ./derive.nix { inherit lib options; };
  inherit (import ./quote.nix { inherit lib; }) forShell forSshd forSystemd;
  cfg = config.homelab.backup.stores;

  string =
    description:
    mkOption {
      type = types.str;
      inherit description;
    };

  store.options = {
    path = string "Directory that holds the repositories of every client.";
    clients = mkOption {
      type = types.attrsOf (types.submodule client);
      default = { };
      description = "Hosts that back up to this directory, by name.";
    };
  };
  client =
    { name, ... }:
    {
      options = {
        login = string "Account of the client." // {
          default = "restic-${name}";
          defaultText = "restic-<name>";
        };
        authorizedKeysFile = string "File with the public key of the client.";
        jobs = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "Jobs of the client. Each has a repository of this name.";
        };
      };
    };

  clientsOf =
    store:
    lib.mapAttrsToList (name: client: client // { root = "${store.path}/${name}"; }) store.clients;
  clients = lib.concatMap clientsOf (lib.attrValues cfg);

  # A client sees its root as /, and writes one level below it, where its repositories are: sshd
  # takes only a root that nobody but root can write.
  match = client: ''
    Match User ${client.login}
      ChrootDirectory ${forSshd client.root}
      ForceCommand internal-sftp -d /
      AuthorizedKeysFile ${forSshd client.authorizedKeysFile}
      AllowTcpForwarding no
      X11Forwarding no
      PermitTunnel no
      PermitTTY no
      AllowAgentForwarding no
  '';

  # Not by tmpfiles, which would make the directories below the mount point of a missing disk: other
  # hosts would then fill the root file system with their backups.
  directories = store: {
    description = "Directories for the backups of other hosts";
    wantedBy = [ "multi-user.target" ];
    unitConfig.RequiresMountsFor = [ (forSystemd store.path) ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      . ${./backup-target.sh}
      root ${forShell store.path}
    ''
    + lib.concatMapStrings (
      client:
      ''
        root ${forShell client.root}
      ''
      + lib.concatMapStrings (job: ''
        repository ${client.login} ${forShell "${client.root}/${job}"}
      '') client.jobs
    ) (clientsOf store);
  };
in
{
  options.homelab.backup.stores = mkOption {
    type = types.attrsOf (types.submodule store);
    default = { };
    description = "Directories of this host that other hosts back up to, by target.";
  };

  config = lib.mkIf (clients != [ ]) (derive {
    users.users = lib.listToAttrs (
      map (
        { login, ... }:
        lib.nameValuePair login {
          isSystemUser = true;
          group = login;
        }
      ) clients
    );
    users.groups = lib.listToAttrs (map ({ login, ... }: lib.nameValuePair login { }) clients);
    # To sshd the first value of a setting holds, so the lines of other modules come first.
    services.openssh.extraConfig = lib.mkAfter (lib.concatMapStrings match clients + "Match all\n");
    systemd.services = lib.mapAttrs' (
      name: store: lib.nameValuePair "backup-target-${name}" (directories store)
    ) cfg;
  });
}
