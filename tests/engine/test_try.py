import time, json, subprocess, shutil, os
from pathlib import Path
import yaml
S=lambda p:{"services":{"jellyfin":{"host":"nas","backup":{"skip":"a test"}},"miniflux":{"host":"nas","backup":{"skip":"a test"},**p}}}
def lab(real,*w):
    l=subprocess.run(["/work/main/.venv/bin/homelab","lab",*w,"-s","small","-C",str(real.directory),"--json"],capture_output=True,text=True)
    return json.loads(l.stdout)
def test_same_urns(real):
    real.write(S({}))
    p=real.pulumi("preview","--json"); j=json.loads(p.stdout)
    mine={x["urn"] for x in j["steps"]}
    d=lab(real,"preview")
    print(d.keys(), {k:(v[:2] if isinstance(v,list) else v) for k,v in d.items() if k!="outputs"})
    urns={x["urn"] for x in d["steps"]}
    print("only real",mine-urns); print("only lab",urns-mine)
    assert 0
def test_fail(real):
    real.lab.break_host("nas","activate-fails")
    real.write(S({}))
    u=real.up(); print(u.text[u.text.index("Diagnostics"):])
    assert 0
def test_held(real):
    real.write(S({})); assert real.up().ok
    held={"hosts":{"nas":{"state":"held"}}}
    from tests import stackdir
    real.write(stackdir.joined(S({"port":8123}),held))
    r=real.run("preview"); print("HELD", r.ok, r.steps, r.text[-1500:])
    real.write(stackdir.joined(S({}),held))
    r=real.run("preview"); print("HELD only", r.ok, r.steps)
    c=dict(real.lab.connections); real.lab.break_host("nas","unreachable")
    real.write(stackdir.joined(S({"port":8123}),held))
    r=real.up(); print("HELD up", r.ok, r.steps, r.failed, {k:v-c[k] for k,v in real.lab.connections.items()})
    print(real.pulumi("preview","--diff").stdout[-2500:])
    r=real.up("--expect-no-changes"); print(r.ok, r.steps)
    real.lab.mend_host("nas")
    real.write(S({"port":8123}))
    r=real.up(); print("LIVE again", r.ok, r.steps, real.release("nas"))
    r=real.up("--expect-no-changes"); print(r.ok, r.steps)
    # planned
    real.write({"hosts":{"nas":{"state":"planned"}}})
    r=real.run("preview"); print("PLANNED", r.ok, r.steps, r.text[-800:])
    r=real.up(); print("PLANNED", r.ok, r.steps)
    real.write({"hosts":{"nas":{"state":"retired"}}})
    r=real.run("preview"); print("RETIRED", r.ok, r.steps, r.text[-800:])
    assert 0
