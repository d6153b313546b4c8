# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# The home of sam on macbook; the system itself is not ours
{
  imports = [ ./own/home/sam.nix ];

  home.homeDirectory = "/Users/sam";
  home.stateVersion = "25.11";
  home.username = "sam";
}
