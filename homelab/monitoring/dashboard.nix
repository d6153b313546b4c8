# A dashboard of grafana.com, with data sources of the stack in place of its inputs. Grafana asks for
# them when a person imports a dashboard, and leaves them as they are in its files.
{
  fetchurl,
  jq,
  runCommand,
  id,
  revision,
  hash,
  # Name of the data source by type: { prometheus = "Prometheus"; }.
  sources,
}:

let
  name = "grafana-dashboard-${toString id}.json";
in
runCommand name
  {
    dashboard = fetchurl {
      url = "https://grafana.com/api/dashboards/${toString id}/revisions/${toString revision}/download";
      inherit name hash;
    };
    sources = builtins.toJSON sources;
    # Where several inputs have one type, each gets the first data source of that type.
    program = ''
      ([.__inputs[]? | select(.type == "datasource") | { ("''${" + .name + "}"): $sources[.pluginId] }]
        | add) as $known
      | walk(if type == "string" and $known[.]? then $known[.] else . end)
      | del(.__inputs, .__requires)
    '';
    nativeBuildInputs = [ jq ];
  }
  ''
    jq --argjson sources "$sources" "$program" "$dashboard" > "$out"
  ''
