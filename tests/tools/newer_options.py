"""Options newer than the option data, and options of modules outside of nixpkgs.

They are listed only here. A test compares them with `added` and `removed` of the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Newer:
    """An option that the data lacks."""

    type: str
    """The type, as in the manual."""
    release: str
    """First release that has it."""
    source: str


_LIST_2511 = "services.yaml: 25.11 option list"
_RL_2505 = "services.yaml: release notes of 25.05, module file of nixpkgs"
_OTBR = "services.yaml: module file of nixpkgs, absent in 25.11"
_SERVARR = "services.yaml: 25.11 option list, servarr/settings-options.nix of nixpkgs"
_SABNZBD = "services.yaml: module file of nixpkgs, absent in 25.11"
_POCKET_ID = "services.yaml: release notes of 25.05 and 25.11, module file of nixpkgs"
_MODULE_2505 = "module file of nixpkgs, absent in the data of December 2024"
_LIST_MODULE_2511 = "option list of 25.11, module file of nixpkgs"
_MODULE_2511 = "release notes of 25.11, module file of nixpkgs"
_MODULE_2605 = "module file of nixpkgs, absent in the option list of 25.11"
_MODULE_2511_READ = "module file of nixpkgs, absent in the data of December 2024; 25.11 to be sure"
_MODULE_2605_READ = "module file of nixpkgs with its former options removed; 26.05 to be sure"
_RL_2505_MODULE = "release notes of 25.05, module file of nixpkgs"
_PORT = "16 bit unsigned integer; between 0 and 65535 (both inclusive)"

NEWER: dict[str, Newer] = {
    "services.autobrr.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.autobrr.secretFile": Newer("path", "25.05", _MODULE_2505),
    "services.autobrr.settings": Newer("anything", "25.05", _MODULE_2505),
    "services.kanidm.server.enable": Newer("boolean", "26.05", _MODULE_2605),
    "services.kanidm.server.settings": Newer("submodule", "26.05", _MODULE_2605),
    "services.lubelogger.dataDir": Newer("string", "25.05", _MODULE_2505),
    "services.lubelogger.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.lubelogger.environmentFile": Newer("null or path", "25.05", _MODULE_2505),
    "services.lubelogger.package": Newer("package", "25.05", _MODULE_2505),
    "services.lubelogger.group": Newer("string", "25.05", _MODULE_2505),
    "services.lubelogger.user": Newer("string", "25.05", _MODULE_2505),
    "services.lubelogger.port": Newer(_PORT, "25.05", _MODULE_2505),
    "services.lubelogger.settings": Newer("attribute set of string", "25.05", _MODULE_2505),
    "services.jellyseerr.configDir": Newer("path", "25.05", _MODULE_2505),
    "services.linkding.address": Newer("string", "26.05", _MODULE_2605),
    "services.linkding.dataDir": Newer("path", "26.05", _MODULE_2605),
    "services.linkding.enable": Newer("boolean", "26.05", _MODULE_2605),
    "services.linkding.environmentFile": Newer("null or path", "26.05", _MODULE_2605),
    "services.linkding.port": Newer(_PORT, "26.05", _MODULE_2605),
    "services.linkding.settings": Newer("anything", "26.05", _MODULE_2605),
    "services.nextcloud.secrets": Newer("attribute set of path", "25.11", _LIST_MODULE_2511),
    "services.gotenberg.bindIP": Newer("null or string", "25.11", _LIST_MODULE_2511),
    "services.readeck.settings": Newer("anything", "25.05", _MODULE_2505),
    "services.readeck.environmentFile": Newer("null or path", "25.05", _MODULE_2505),
    "services.readeck.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.immichframe.settings": Newer("anything", "26.05", _MODULE_2605),
    "services.immichframe.port": Newer(_PORT, "26.05", _MODULE_2605),
    "services.immichframe.enable": Newer("boolean", "26.05", _MODULE_2605),
    "services.yarr.environmentFile": Newer("null or path", "25.05", _MODULE_2505),
    "services.yarr.port": Newer(_PORT, "25.05", _MODULE_2505),
    "services.yarr.address": Newer("string", "25.05", _MODULE_2505),
    "services.yarr.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.spoolman.environment": Newer("anything", "25.05", _MODULE_2505),
    "services.spoolman.port": Newer(_PORT, "25.05", _MODULE_2505),
    "services.spoolman.listen": Newer("string", "25.05", _MODULE_2505),
    "services.spoolman.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.memos.dataDir": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.memos.settings": Newer("anything", "25.11", _LIST_MODULE_2511),
    "services.memos.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.esphome.stateDir": Newer("path", "26.05", _MODULE_2605),
    "services.snapserver.settings": Newer("anything", "25.11", _LIST_MODULE_2511),
    "services.snapserver.settings.tcp-control": Newer("anything", "26.05", _MODULE_2605),
    "services.snapserver.settings.tcp-streaming": Newer("anything", "26.05", _MODULE_2605),
    "services.ersatztv.openFirewall": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.group": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.transcodeDir": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.configDir": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.baseUrl": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.ersatztv.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.libretranslate.package": Newer("package", "25.11", _MODULE_2511_READ),
    "services.libretranslate.user": Newer("string", "25.11", _MODULE_2511_READ),
    "services.libretranslate.group": Newer("string", "25.11", _MODULE_2511_READ),
    "services.libretranslate.threads": Newer(
        "null or (positive integer, meaning >0)", "25.11", _MODULE_2511_READ
    ),
    "services.libretranslate.enableApiKeys": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.libretranslate.disableWebUI": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.libretranslate.updateModels": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.libretranslate.domain": Newer("string", "25.11", _MODULE_2511_READ),
    "services.libretranslate.configureNginx": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.libretranslate.extraArgs": Newer("anything", "25.11", _MODULE_2511_READ),
    "services.pairdrop.package": Newer("package", "25.11", _MODULE_2511_READ),
    "services.pairdrop.settings": Newer("anything", "25.11", _MODULE_2511_READ),
    "services.zipline.package": Newer("package", "25.11", _MODULE_2511_READ),
    "services.scanservjs.extraActions": Newer("list of string", "25.11", _RL_2505_MODULE),
    "services.scanservjs.extraConfig": Newer(
        'strings concatenated with "\\n"', "25.11", _RL_2505_MODULE
    ),
    "services.scanservjs.extraDevicesConfig": Newer(
        'strings concatenated with "\\n"', "25.11", _RL_2505_MODULE
    ),
    "services.scanservjs.runAfterScan": Newer(
        'strings concatenated with "\\n"', "25.11", _RL_2505_MODULE
    ),
    "services.traccar.settingsFile": Newer("null or path", "25.11", _MODULE_2511_READ),
    "services.libretranslate.dataDir": Newer("path", "25.11", _MODULE_2511_READ),
    "services.libretranslate.port": Newer(_PORT, "25.11", _MODULE_2511_READ),
    "services.libretranslate.host": Newer("string", "25.11", _MODULE_2511_READ),
    "services.libretranslate.enable": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.pairdrop.port": Newer(_PORT, "25.11", _MODULE_2511_READ),
    "services.pairdrop.enable": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.scanservjs.stateDir": Newer("string", "25.11", _RL_2505_MODULE),
    "services.scanservjs.settings": Newer("anything", "25.11", _RL_2505_MODULE),
    "services.scanservjs.enable": Newer("boolean", "25.11", _RL_2505_MODULE),
    "services.wakapi.stateDir": Newer("path", "26.05", _MODULE_2605_READ),
    "services.wakapi.environmentFiles": Newer("list of path", "26.05", _MODULE_2605_READ),
    "services.zipline.database.createLocally": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.zipline.environmentFiles": Newer("list of path", "25.11", _MODULE_2511_READ),
    "services.zipline.settings": Newer("anything", "25.11", _MODULE_2511_READ),
    "services.zipline.enable": Newer("boolean", "25.11", _MODULE_2511_READ),
    "services.pinchflat.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.selfhosted": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.secretsFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.port": Newer(_PORT, "25.11", _LIST_MODULE_2511),
    "services.pinchflat.openFirewall": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.mediaDir": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.logLevel": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.group": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.extraConfig": Newer(
        "attribute set of (null or boolean or signed integer or string)", "25.11", _LIST_MODULE_2511
    ),
    "services.pinchflat.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.pinchflat.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.stateDir": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.listenAddress": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.extraOptions": Newer("list of string", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.basicAuthPasswordFile": Newer(
        "null or string", "25.11", _LIST_MODULE_2511
    ),
    "services.victorialogs.basicAuthUsername": Newer("null or string", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.victorialogs.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.tandoor-recipes.database": Newer("submodule", "25.05", _MODULE_2505),
    "services.umami.settings": Newer("anything", "25.11", _LIST_MODULE_2511),
    "services.umami.createPostgresqlDatabase": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.umami.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.umami.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.evcc.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.evcc.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.zwave-js-ui.settings": Newer("anything", "25.05", _MODULE_2505),
    "services.zwave-js-ui.serialPort": Newer("path", "25.05", _MODULE_2505),
    "services.zwave-js-ui.package": Newer("package", "25.05", _MODULE_2505),
    "services.zwave-js-ui.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.alloy.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.actual.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.actual.group": Newer("null or string", "26.05", _MODULE_2605),
    "services.actual.openFirewall": Newer("boolean", "25.05", _MODULE_2505),
    "services.actual.package": Newer("package", "25.05", _MODULE_2505),
    "services.actual.settings": Newer("JSON value", "25.05", _MODULE_2505),
    "services.actual.user": Newer("null or string", "26.05", _MODULE_2605),
    "services.baikal.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.baikal.group": Newer("string", "25.05", _MODULE_2505),
    "services.baikal.package": Newer("package", "25.05", _MODULE_2505),
    "services.baikal.phpPackage": Newer("package", "25.05", _MODULE_2505),
    "services.baikal.pool": Newer("string", "25.05", _MODULE_2505),
    "services.baikal.user": Newer("string", "25.05", _MODULE_2505),
    "services.baikal.virtualHost": Newer("null or string", "25.05", _MODULE_2505),
    "services.bookstack.settings": Newer("anything", "25.11", _LIST_MODULE_2511),
    "services.bazarr.dataDir": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.beszel.agent.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.beszel.agent.environment": Newer(
        "attribute set of string", "25.11", _LIST_MODULE_2511
    ),
    "services.beszel.agent.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.beszel.agent.extraPath": Newer("list of package", "25.11", _LIST_MODULE_2511),
    "services.beszel.agent.openFirewall": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.beszel.agent.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.dataDir": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.environment": Newer("attribute set of string", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.host": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.beszel.hub.port": Newer(_PORT, "25.11", _LIST_MODULE_2511),
    "services.changedetection-io.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.group": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.openFirewall": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.settings": Newer("JSON value", "25.11", _LIST_MODULE_2511),
    "services.filebrowser.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.freshrss.api": Newer("submodule", "26.05", _MODULE_2605),
    "services.glance.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.grocy.extraConfig": Newer(
        "strings concatenated with \u201c\\n\u201d", "26.05", _MODULE_2605
    ),
    "services.hedgedoc.configureNginx": Newer("boolean", "25.05", _MODULE_2505),
    "services.homebox.database": Newer("submodule", "26.05", _MODULE_2605),
    "services.homebox.group": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.homebox.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.immich-public-proxy.enable": Newer("boolean", "25.05", _MODULE_2505),
    "services.immich-public-proxy.immichUrl": Newer("string", "25.05", _MODULE_2505),
    "services.immich-public-proxy.openFirewall": Newer("boolean", "25.05", _MODULE_2505),
    "services.immich-public-proxy.package": Newer("package", "25.05", _MODULE_2505),
    "services.immich-public-proxy.port": Newer(_PORT, "25.05", _MODULE_2505),
    "services.immich-public-proxy.settings": Newer("JSON value", "25.05", _MODULE_2505),
    "services.karakeep.browser.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.karakeep.browser.exe": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.karakeep.browser.port": Newer(_PORT, "25.11", _LIST_MODULE_2511),
    "services.karakeep.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.karakeep.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.karakeep.extraEnvironment": Newer(
        "attribute set of string", "25.11", _LIST_MODULE_2511
    ),
    "services.karakeep.meilisearch.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.karakeep.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.komga.settings": Newer("YAML value", "25.11", _LIST_MODULE_2511),
    "services.lidarr.environmentFiles": Newer("list of path", "25.05", _SERVARR),
    "services.lidarr.settings": Newer("anything", "25.05", _SERVARR),
    "services.linkwarden.cacheLocation": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.database.createLocally": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.database.host": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.database.name": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.database.port": Newer(_PORT, "25.11", _LIST_MODULE_2511),
    "services.linkwarden.database.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.enable": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.enableRegistration": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.environment": Newer("attribute set of string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.environmentFile": Newer("null or string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.group": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.host": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.openFirewall": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.package": Newer("package", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.port": Newer(_PORT, "25.11", _LIST_MODULE_2511),
    "services.linkwarden.secretFiles": Newer(
        "attribute set of (null or string)", "25.11", _LIST_MODULE_2511
    ),
    "services.linkwarden.storageLocation": Newer("path", "25.11", _LIST_MODULE_2511),
    "services.linkwarden.user": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.lldap.database": Newer("submodule", "26.05", _MODULE_2605),
    "services.lldap.silenceForceUserPassResetWarning": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.mealie.database": Newer("submodule", "25.05", _MODULE_2505),
    "services.mealie.extraOptions": Newer("list of string", "25.05", _MODULE_2505),
    "services.ntfy-sh.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.paperless.configureNginx": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.paperless.configureTika": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.paperless.domain": Newer("null or string", "25.11", _LIST_MODULE_2511),
    "services.paperless.exporter": Newer("submodule", "25.05", _MODULE_2505),
    "services.qbittorrent.enable": Newer("boolean", "25.11", _MODULE_2511),
    "services.qbittorrent.extraArgs": Newer("list of string", "25.11", _MODULE_2511),
    "services.qbittorrent.group": Newer("string", "25.11", _MODULE_2511),
    "services.qbittorrent.openFirewall": Newer("boolean", "25.11", _MODULE_2511),
    "services.qbittorrent.package": Newer("package", "25.11", _MODULE_2511),
    "services.qbittorrent.profileDir": Newer("path", "25.11", _MODULE_2511),
    "services.qbittorrent.serverConfig": Newer("anything", "25.11", _MODULE_2511),
    "services.qbittorrent.torrentingPort": Newer(f"null or {_PORT}", "25.11", _MODULE_2511),
    "services.qbittorrent.user": Newer("string", "25.11", _MODULE_2511),
    "services.qbittorrent.webuiPort": Newer(f"null or {_PORT}", "25.11", _MODULE_2511),
    "services.radicale.group": Newer("string", "26.05", _MODULE_2605),
    "services.radicale.user": Newer("string", "26.05", _MODULE_2605),
    "services.seerr.configDir": Newer("path", "26.05", _MODULE_2605),
    "services.seerr.database": Newer("submodule", "26.05", _MODULE_2605),
    "services.seerr.enable": Newer("boolean", "26.05", _MODULE_2605),
    "services.seerr.environmentFile": Newer("null or path", "26.05", _MODULE_2605),
    "services.seerr.openFirewall": Newer("boolean", "26.05", _MODULE_2605),
    "services.seerr.package": Newer("package", "26.05", _MODULE_2605),
    "services.seerr.port": Newer(_PORT, "26.05", _MODULE_2605),
    "services.seerr.stateRevision": Newer("signed integer", "26.05", _MODULE_2605),
    "services.searx.configureNginx": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.searx.configureUwsgi": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.searx.domain": Newer("string", "25.11", _LIST_MODULE_2511),
    "services.searx.faviconsSettings": Newer(
        "attribute set of (JSON value)", "25.11", _LIST_MODULE_2511
    ),
    "services.syncthing.guiPasswordFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.trilium-server.environmentFile": Newer("null or path", "25.11", _LIST_MODULE_2511),
    "services.victoriametrics.basicAuthPasswordFile": Newer(
        "null or path", "25.11", _LIST_MODULE_2511
    ),
    "services.victoriametrics.basicAuthUsername": Newer(
        "null or string", "25.11", _LIST_MODULE_2511
    ),
    "services.victoriametrics.checkConfig": Newer("boolean", "25.11", _LIST_MODULE_2511),
    "services.wyoming.openwakeword.refractorySeconds": Newer(
        "signed integer or floating point number", "25.11", _LIST_MODULE_2511
    ),
    "services.vikunja.address": Newer("string", "26.05", _MODULE_2605),
    "services.caddy.httpPort": Newer(
        "16 bit unsigned integer; between 0 and 65535 (both inclusive)",
        "26.05",
        "services.yaml: release notes of 26.05",
    ),
    "services.caddy.httpsPort": Newer(
        "16 bit unsigned integer; between 0 and 65535 (both inclusive)",
        "26.05",
        "services.yaml: release notes of 26.05",
    ),
    "services.caddy.openFirewall": Newer(
        "boolean", "26.05", "services.yaml: release notes of 26.05"
    ),
    "services.cloudflared.certificateFile": Newer(
        "null or path", "25.05", "services.yaml: module file of nixpkgs"
    ),
    "services.cockpit.allowed-origins": Newer(
        "list of string", "25.11", f"{_LIST_2511}, module file of nixpkgs"
    ),
    "services.cockpit.showBanner": Newer(
        "boolean", "25.11", f"{_LIST_2511}, module file of nixpkgs"
    ),
    "services.homepage-dashboard.allowedHosts": Newer("string", "25.05", _LIST_2511),
    "services.immich.accelerationDevices": Newer(
        "null or (list of string)", "25.05", f"{_LIST_2511}, module file of nixpkgs"
    ),
    "services.immich.database.enableVectorChord": Newer("boolean", "25.11", _LIST_2511),
    "services.immich.database.enableVectors": Newer("boolean", "25.11", _LIST_2511),
    "services.jellyfin.forceEncodingConfig": Newer(
        "boolean", "26.05", "services.yaml: module file of nixpkgs, absent in 25.11"
    ),
    "services.jellyfin.hardwareAcceleration": Newer(
        "submodule", "26.05", "services.yaml: module file of nixpkgs, absent in 25.11"
    ),
    "services.jellyfin.transcoding": Newer(
        "attribute set of anything",
        "26.05",
        "services.yaml: module file of nixpkgs, absent in 25.11",
    ),
    "services.litellm.enable": Newer("boolean", "25.05", _RL_2505),
    "services.litellm.environmentFile": Newer("null or path", "25.05", _RL_2505),
    "services.litellm.host": Newer("string", "25.05", _RL_2505),
    "services.litellm.port": Newer(_PORT, "25.05", _RL_2505),
    "services.litellm.settings": Newer("YAML value", "25.05", _RL_2505),
    "services.n8n.environment": Newer(
        "attribute set of string", "25.11", f"{_LIST_2511}, module file of nixpkgs"
    ),
    "services.navidrome.environmentFile": Newer("null or path", "25.05", _LIST_2511),
    "services.openthread-border-router.backboneInterfaces": Newer("list of string", "26.05", _OTBR),
    "services.openthread-border-router.enable": Newer("boolean", "26.05", _OTBR),
    "services.openthread-border-router.radio.device": Newer("null or path", "26.05", _OTBR),
    "services.openthread-border-router.web.enable": Newer("boolean", "26.05", _OTBR),
    "services.openthread-border-router.web.listenAddress": Newer("string", "26.05", _OTBR),
    "services.openthread-border-router.web.listenPort": Newer(_PORT, "26.05", _OTBR),
    "services.pocket-id.enable": Newer("boolean", "25.05", _POCKET_ID),
    "services.pocket-id.settings": Newer("attribute set of anything", "25.11", _POCKET_ID),
    "services.prowlarr.dataDir": Newer("string", "25.11", _SERVARR),
    "services.prowlarr.environmentFiles": Newer("list of path", "25.05", _SERVARR),
    "services.prowlarr.settings": Newer("anything", "25.05", _SERVARR),
    "services.radarr.environmentFiles": Newer("list of path", "25.05", _SERVARR),
    "services.radarr.settings": Newer("anything", "25.05", _SERVARR),
    "services.sonarr.environmentFiles": Newer("list of path", "25.05", _SERVARR),
    "services.sonarr.settings": Newer("anything", "25.05", _SERVARR),
    "services.ollama.syncModels": Newer(
        "boolean", "25.11", f"{_LIST_2511}, module file of nixpkgs"
    ),
    "services.sabnzbd.allowConfigWrite": Newer("boolean", "26.05", _SABNZBD),
    "services.sabnzbd.secretFiles": Newer("list of path", "26.05", _SABNZBD),
    "services.sabnzbd.settings": Newer("anything", "26.05", _SABNZBD),
    "services.sabnzbd.stateDir": Newer("string", "26.05", _SABNZBD),
    "services.traefik.dynamic.dir": Newer(
        "null or path", "26.05", "services.yaml: module file of nixpkgs"
    ),
    "services.traefik.dynamic.files": Newer(
        "attribute set of (submodule)", "26.05", "services.yaml: module file of nixpkgs"
    ),
    "services.traefik.dynamic.files._name_.settings": Newer(
        "JSON value", "26.05", "services.yaml: module file of nixpkgs"
    ),
    "services.traefik.static.settings": Newer(
        "JSON value", "26.05", "services.yaml: module file of nixpkgs"
    ),
    "services.logind.settings.Login": Newer(
        "attribute set of (systemd option)", "25.11", "release notes of 25.11"
    ),
    "virtualisation.oci-containers.containers._name_.podman.sdnotify": Newer(
        "one of “conmon”, “healthy”, “container”",
        "25.05",
        "oci-containers.nix of nixpkgs",
    ),
    "systemd.settings.Manager": Newer(
        "attribute set of (systemd option)", "25.11", "release notes of 25.11"
    ),
    "services.vaultwarden.configureNginx": Newer("boolean", "25.11", _LIST_2511),
    "services.vaultwarden.configurePostgres": Newer("boolean", "25.11", _LIST_2511),
    "services.vaultwarden.domain": Newer("null or string", "25.11", _LIST_2511),
}
"""By option path."""

_SOPS = "README of sops-nix"
_HOME = "manual of home-manager"
_IMPERMANENCE = "README of impermanence"

OUTSIDE: dict[str, Newer] = {
    "environment.persistence._name_.directories": Newer(
        "list of (string or (submodule))", "", _IMPERMANENCE
    ),
    "environment.persistence._name_.files": Newer(
        "list of (string or (submodule))", "", _IMPERMANENCE
    ),
    "environment.persistence._name_.hideMounts": Newer("boolean", "", _IMPERMANENCE),
    "home-manager.backupFileExtension": Newer("null or string", "", _HOME),
    "home-manager.extraSpecialArgs": Newer("attribute set", "", _HOME),
    "home-manager.overwriteBackup": Newer("boolean", "25.11", _HOME),
    "home-manager.useGlobalPkgs": Newer("boolean", "", _HOME),
    "home-manager.useUserPackages": Newer("boolean", "", _HOME),
    "home-manager.users._name_": Newer("anything", "", _HOME),
    "sops.age.generateKey": Newer("boolean", "", _SOPS),
    "sops.age.keyFile": Newer("null or path", "", _SOPS),
    "sops.age.sshKeyPaths": Newer("list of path", "", _SOPS),
    "sops.defaultSopsFile": Newer("path", "", _SOPS),
    "sops.gnupg.sshKeyPaths": Newer("list of path", "", _SOPS),
    "sops.placeholder": Newer("attribute set of string", "", _SOPS),
    "sops.secrets._name_.format": Newer(
        "one of “yaml”, “json”, “binary”, “dotenv”, “ini”", "", _SOPS
    ),
    "sops.secrets._name_.group": Newer("null or string", "", _SOPS),
    "sops.secrets._name_.key": Newer("string", "", _SOPS),
    "sops.secrets._name_.mode": Newer("string", "", _SOPS),
    "sops.secrets._name_.neededForUsers": Newer("boolean", "", _SOPS),
    "sops.secrets._name_.owner": Newer("null or string", "", _SOPS),
    "sops.secrets._name_.path": Newer("string", "", _SOPS),
    "sops.secrets._name_.reloadUnits": Newer("list of string", "", _SOPS),
    "sops.secrets._name_.restartUnits": Newer("list of string", "", _SOPS),
    "sops.secrets._name_.sopsFile": Newer("path", "", _SOPS),
    "sops.templates._name_.content": Newer("strings concatenated with “\\n”", "", _SOPS),
    "sops.templates._name_.group": Newer("null or string", "", _SOPS),
    "sops.templates._name_.mode": Newer("string", "", _SOPS),
    "sops.templates._name_.owner": Newer("null or string", "", _SOPS),
    "sops.templates._name_.path": Newer("string", "", _SOPS),
    "sops.templates._name_.restartUnits": Newer("list of string", "", _SOPS),
}
"""Options of the flakes that homelab uses."""

KNOWN_FLAKES = frozenset({"home-manager", "impermanence", "nixos-hardware", "sops-nix"})
"""Flakes whose options are listed above, or of which homelab sets no options."""
