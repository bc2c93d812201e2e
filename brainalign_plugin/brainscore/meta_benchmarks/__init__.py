"""Register the meta-benchmarks with Brain-Score.

Brain-Score reads this file as text to find which folder an identifier is in, so each has a literal line of its own.
"""

from brainscore_vision import benchmark_registry

from .benchmark import MetaBenchmark

# The three aggregations of the poster, Ahlert et al. 2024.
benchmark_registry["Ahlert2024-flat"] = lambda: MetaBenchmark("Ahlert2024-flat")
benchmark_registry["Ahlert2024-zmean"] = lambda: MetaBenchmark("Ahlert2024-zmean")
benchmark_registry["Ahlert2024-rank"] = lambda: MetaBenchmark("Ahlert2024-rank")

# All other schemes that can place one model on a frozen board; authors are credited with their own proposals only.
benchmark_registry["BrainAlign2026-hier"] = lambda: MetaBenchmark("BrainAlign2026-hier")
benchmark_registry["BrainAlign2026-hier_attempted"] = lambda: MetaBenchmark("BrainAlign2026-hier_attempted")
benchmark_registry["BrainAlign2026-hier_rank"] = lambda: MetaBenchmark("BrainAlign2026-hier_rank")
benchmark_registry["BrainAlign2026-hier_zmean"] = lambda: MetaBenchmark("BrainAlign2026-hier_zmean")
benchmark_registry["BrainAlign2026-hier_normal"] = lambda: MetaBenchmark("BrainAlign2026-hier_normal")
benchmark_registry["BrainAlign2026-robust_z"] = lambda: MetaBenchmark("BrainAlign2026-robust_z")
benchmark_registry["BrainAlign2026-minmax"] = lambda: MetaBenchmark("BrainAlign2026-minmax")
benchmark_registry["BrainAlign2026-normal"] = lambda: MetaBenchmark("BrainAlign2026-normal")
benchmark_registry["BrainAlign2026-logit"] = lambda: MetaBenchmark("BrainAlign2026-logit")
benchmark_registry["BrainAlign2026-geometric"] = lambda: MetaBenchmark("BrainAlign2026-geometric")
benchmark_registry["BrainAlign2026-median_rank"] = lambda: MetaBenchmark("BrainAlign2026-median_rank")
benchmark_registry["BrainAlign2026-win_rate"] = lambda: MetaBenchmark("BrainAlign2026-win_rate")
benchmark_registry["BrainAlign2026-borda"] = lambda: MetaBenchmark("BrainAlign2026-borda")
benchmark_registry["BrainAlign2026-pc1"] = lambda: MetaBenchmark("BrainAlign2026-pc1")
benchmark_registry["BrainAlign2026-factor1"] = lambda: MetaBenchmark("BrainAlign2026-factor1")
benchmark_registry["BrainAlign2026-dsep"] = lambda: MetaBenchmark("BrainAlign2026-dsep")
benchmark_registry["BrainAlign2026-dsp_pca"] = lambda: MetaBenchmark("BrainAlign2026-dsp_pca")
benchmark_registry["BrainAlign2026-dsp_pca_std"] = lambda: MetaBenchmark("BrainAlign2026-dsp_pca_std")
benchmark_registry["BrainAlign2026-gls"] = lambda: MetaBenchmark("BrainAlign2026-gls")
benchmark_registry["BrainAlign2026-ref_zmean"] = lambda: MetaBenchmark("BrainAlign2026-ref_zmean")
benchmark_registry["BrainAlign2026-ref_normal"] = lambda: MetaBenchmark("BrainAlign2026-ref_normal")
benchmark_registry["BrainAlign2026-hier_ref_normal"] = lambda: MetaBenchmark("BrainAlign2026-hier_ref_normal")
benchmark_registry["BrainAlign2026-universe"] = lambda: MetaBenchmark("BrainAlign2026-universe")
benchmark_registry["BrainAlign2026-z_universe"] = lambda: MetaBenchmark("BrainAlign2026-z_universe")
benchmark_registry["BrainAlign2026-normal_universe"] = lambda: MetaBenchmark("BrainAlign2026-normal_universe")
benchmark_registry["BrainAlign2026-ref_universe"] = lambda: MetaBenchmark("BrainAlign2026-ref_universe")
benchmark_registry["BrainAlign2026-ref_normal_universe"] = lambda: MetaBenchmark(
    "BrainAlign2026-ref_normal_universe"
)
