"""The five dashboards."""

from deploy.grafana.panel import Dashboard, Panel, Query, gauge, mean, quantile, rate

TRAFFIC = Dashboard(
    "songprint-traffic",
    "Songprint: traffic and lag",
    (
        Panel(
            "Events",
            "Events a second whose outputs are committed.",
            "eps",
            (rate("songprint_events_total", "instance"),),
        ),
        Panel(
            "Lag",
            "Events that wait, of all partitions and of the worst one.",
            "short",
            (
                gauge("songprint_lag_events", legend="all"),
                gauge("songprint_lag_events", operation="max", legend="worst"),
            ),
        ),
        Panel(
            "Latency",
            "From an event's Kafka timestamp to the commit of its label.",
            "s",
            (quantile(0.5, "songprint_event_latency_seconds"), quantile(0.99, "songprint_event_latency_seconds")),
        ),
        Panel(
            "Events of a batch",
            "Mean size of a committed batch.",
            "short",
            (mean("songprint_batch_events", "instance"),),
        ),
        Panel(
            "Events by partition",
            "Whether the keys spread evenly.",
            "eps",
            (rate("songprint_events_total", "partition"),),
        ),
        Panel(
            "Partitions owned",
            "How partitions are shared out.",
            "short",
            (gauge("songprint_assigned_partitions", "instance"),),
        ),
    ),
)

LATENCY = Dashboard(
    "songprint-latency",
    "Songprint: latency by stage",
    (
        Panel(
            "Time by stage",
            "Mean time of each stage of a batch.",
            "s",
            (mean("songprint_stage_seconds", "stage"),),
            stacked=True,
        ),
        Panel(
            "Slowest by stage",
            "99 of 100 batches are faster.",
            "s",
            (quantile(0.99, "songprint_stage_seconds", "stage"),),
        ),
        Panel(
            "Time of a batch",
            "Poll aside.",
            "s",
            (quantile(0.5, "songprint_batch_seconds"), quantile(0.99, "songprint_batch_seconds")),
        ),
        Panel(
            "Batches",
            "Committed transactions a second.",
            "cps",
            (rate('songprint_transactions_total{outcome="committed"}', "instance"),),
        ),
    ),
)

MODEL = Dashboard(
    "songprint-model",
    "Songprint: models and labels",
    (
        Panel(
            "Labels by gender",
            "Shares of the labels; abstain is a label without a gender.",
            "percentunit",
            (Query("job_gender:songprint_labels:share_rate5m", "{{gender}}"),),
            stacked=True,
        ),
        Panel(
            "Labels by cluster",
            "Shares of the labels.",
            "percentunit",
            (Query("job_cluster:songprint_labels:share_rate5m", "cluster {{cluster}}"),),
            stacked=True,
        ),
        Panel(
            "Abstentions",
            "Labels a second without a gender, by cause.",
            "cps",
            (rate("songprint_abstentions_total", "cause"),),
        ),
        Panel(
            "Confidence",
            "Probability of the likelier gender.",
            "percentunit",
            (quantile(0.1, "songprint_gender_confidence"), quantile(0.5, "songprint_gender_confidence")),
        ),
        Panel(
            "Known songs",
            "Share of the songs that the model knows.",
            "percentunit",
            (Query("job:songprint_known_songs:ratio_rate5m", "known"),),
        ),
        Panel(
            "Songs of a playlist",
            "Songs of a labelled playlist.",
            "short",
            (quantile(0.5, "songprint_playlist_songs"), quantile(0.9, "songprint_playlist_songs")),
        ),
        Panel(
            "Drift",
            "Population stability index against the bundle's held-out users; over 0.25 is another population.",
            "short",
            (Query("job_of:songprint_drift_index:weighted", "{{of}}"),),
        ),
        Panel(
            "Model",
            "Workers by the model that they use.",
            "short",
            (gauge("songprint_model_info", "version", operation="count"),),
        ),
        Panel(
            "Age of the model",
            "Since it was trained.",
            "s",
            (Query("time() - max(songprint_model_created_timestamp_seconds)", "age"),),
        ),
        Panel(
            "New models",
            "New bundles found, and users relabelled because of them.",
            "cps",
            (
                rate("songprint_model_reloads_total", "result"),
                rate("songprint_relabels_total", legend="relabelled users"),
            ),
        ),
    ),
)

STATE = Dashboard(
    "songprint-state",
    "Songprint: state and restores",
    (
        Panel(
            "Partitions ready",
            "Owned partitions, and those of them that are restored.",
            "short",
            (
                gauge("songprint_assigned_partitions", legend="owned"),
                gauge("songprint_ready_partitions", legend="ready"),
            ),
        ),
        Panel(
            "State look-ups",
            "Hot in process, hit in Redis, miss if nothing is known.",
            "cps",
            (rate("songprint_state_lookups_total", "result"),),
            stacked=True,
        ),
        Panel(
            "Hot states", "Bytes of states held in process.", "bytes", (gauge("songprint_hot_state_bytes", "instance"),)
        ),
        Panel(
            "Restores",
            "Restores so far: none if Redis was complete, tail, full.",
            "short",
            (gauge("songprint_restores_total", "kind"),),
        ),
        Panel(
            "Restored records",
            "Changelog records a second copied to Redis.",
            "cps",
            (rate("songprint_restored_records_total", "instance"),),
        ),
        Panel(
            "Time of a restore",
            "Mean of one partition since the worker started.",
            "s",
            (Query("songprint_restore_seconds_sum / songprint_restore_seconds_count", "{{instance}}"),),
        ),
    ),
)

ERRORS = Dashboard(
    "songprint-errors",
    "Songprint: errors",
    (
        Panel(
            "Rejects by reason",
            "Events a second that ended in the dead-letter topic.",
            "cps",
            (rate("songprint_rejects_total", "reason"),),
        ),
        Panel(
            "Retries",
            "Times a second that a worker stepped back, by the part that failed.",
            "cps",
            (rate("songprint_retries_total", "part"),),
        ),
        Panel(
            "Aborted",
            "Aborted transactions a second.",
            "cps",
            (rate('songprint_transactions_total{outcome="aborted"}', "instance"),),
        ),
        Panel(
            "Tombstones",
            "Erased and objecting users' events a second.",
            "cps",
            (rate("songprint_tombstones_total", "kind"),),
        ),
        Panel(
            "Memory",
            "Resident memory.",
            "bytes",
            (gauge('process_resident_memory_bytes{job="songprint"}', "instance"),),
        ),
        Panel(
            "Processors",
            "Processors in use.",
            "short",
            (rate('process_cpu_seconds_total{job="songprint"}', "instance"),),
        ),
    ),
)

DASHBOARDS = (TRAFFIC, LATENCY, MODEL, STATE, ERRORS)
