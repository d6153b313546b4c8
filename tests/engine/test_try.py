import time, json, subprocess
def test_try(real):
    s=lambda p:{"services":{"jellyfin":{"host":"nas","backup":{"skip":"a test"}},"miniflux":{"host":"nas","backup":{"skip":"a test"},**p}}}
    real.write(s({}))
    r=real.up(); assert r.ok
    real.write(s({"port":8123}))
    p=real.pulumi("preview","--diff"); print(p.stdout[:9000])
    assert 0
