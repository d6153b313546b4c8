# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Hand-written modules, copied as they are
{
  imports = [ ./own/hosts/pavilion/hardware.nix ];
}
