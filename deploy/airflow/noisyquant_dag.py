"""Calibrates once a week; the results of each run have a folder of their own, named by its date.

What is submitted is in noisyquant_dag.json, beside this file: the arguments of SparkSubmitOperator.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

SUBMISSION = json.loads(Path(__file__).with_suffix(".json").read_text())

# Exit codes that a retry would end with again: configuration, model or images, a failed quality gate.
FINAL_EXIT_CODES = {2, 3, 4}


class NoisyQuantOperator(SparkSubmitOperator):
    """spark-submit whose exit code says whether a retry makes sense."""

    def execute(self, context):
        try:
            return super().execute(context)
        except AirflowException as failure:
            # The operator tells the exit code in its message only. In client mode it is the job's.
            code = re.search(r"Error code is: (\d+)", str(failure))
            if code and int(code.group(1)) in FINAL_EXIT_CODES:
                raise AirflowFailException(
                    f"exit code {code.group(1)}: see the log, and metrics.json of the output folder"
                ) from failure
            raise


with DAG(
    dag_id="noisyquant",
    description="Quantizes a vision transformer with NoisyQuant",
    schedule="0 3 * * 0",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["noisyquant"],
) as dag:
    NoisyQuantOperator(
        task_id="calibrate",
        name="noisyquant",
        retries=2,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours=12),
        **SUBMISSION,
    )
