# Node Exporter Full, in Grafana from the first start.
{ pkgs, ... }:

let
  nodeExporterFull = pkgs.fetchurl {
    url = "https://grafana.com/api/dashboards/1860/revisions/37/download";
    hash = "sha256-1DE1aaanRHHeCOMWDGdOS1wBXxOF84UXAjJzT5Ek6mM=";
  };
in
{
  environment.etc."grafana-dashboards/node-exporter-full.json".source = nodeExporterFull;
  services.grafana.provision.dashboards.settings.providers = [
    {
      name = "provided";
      options.path = "/etc/grafana-dashboards";
    }
  ];
}
