import time
def test_try(real):
    t=time.time()
    r=real.up(); print(r.text[-6000:], r.steps, r.failed, time.time()-t)
    t=time.time()
    n=real.up("--expect-no-changes"); print(n.text[-1500:], n.steps, time.time()-t)
    print(real.release("pi"), real.lab.connections)
    assert 0
