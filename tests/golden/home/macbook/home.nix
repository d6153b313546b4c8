# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# home-manager for sam on macbook; homelab does not manage its system
{
  imports = [ ./own/home/sam.nix ];

  home.homeDirectory = "/Users/sam";
  home.stateVersion = "25.11";
  home.username = "sam";
}
