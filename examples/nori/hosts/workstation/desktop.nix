# The desktop is a matter of taste, so it stays a module written by hand.
{
  services.desktopManager.gnome.enable = true;
  services.displayManager.gdm.enable = true;
  services.pipewire.enable = true;
}
