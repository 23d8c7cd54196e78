"""Jobs that ask for a GPU, with a stated list of devices in the place of real ones."""

from tests.faults.yard import Yard

SEE = "print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); time.sleep(1); finish()"


def test_a_job_with_a_gpu_runs_only_where_one_is_owned_and_sees_that_one_alone(yard: Yard) -> None:
    asking = [yard.submit(SEE, resources={"gpus": 1}) for _ in range(2)]
    yard.work("--lanes", "cpu,gpu")  # owns none
    modest = yard.submit(SEE)
    yard.until_status(modest, "succeeded")
    assert yard.log(modest) == "\n"
    assert [yard.attempts(job_id) for job_id in asking] == [[], []]
    yard.work("--lanes", "gpu", devices=["3", "GPU-5b1d"])
    for job_id in asking:
        yard.until_status(job_id, "succeeded", beat=True)
    assert sorted(yard.log(job_id) for job_id in asking) == ["3\n", "GPU-5b1d\n"]
