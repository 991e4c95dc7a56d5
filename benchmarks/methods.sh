#!/bin/bash
# The comparison of methods, side by side on one GPU: bash benchmarks/methods.sh FOLDER SECONDS
# Makes and measures videos until the seconds are over; given again, it goes on with what is there.
# FOLDER/recorded: the methods, on prompts of seed 0.
# FOLDER/tried: candidates for the shipped model's scope, on the same prompts, one seed.
# FOLDER/chosen: one thing changed at a time in the paper's settings, on prompts of seed 100.
# FOLDER/cuts: two scenes, with and without a cut.
# Tables: python -m infer compare --out FOLDER/recorded, and so on.
# Sizes for a rehearsal: PROMPTS, SEEDS, SHORT, LONG, VERY_LONG, MORE (further flags).
set -m # a job in the background hears that it is stopped
out=$1 over=$((SECONDS + $2))
export XLA_PYTHON_CLIENT_PREALLOCATE=${XLA_PYTHON_CLIENT_PREALLOCATE:-false}
short=${SHORT:-64} long=${LONG:-192} very_long=${VERY_LONG:-1024}
prompts=${PROMPTS:-32} seeds=${SEEDS:-3} few=${FEW:-8}
mkdir -p "$out"

make() { # SET FLAGS...
    local left=$((over - SECONDS)) set=$1
    shift
    [ $left -gt 5 ] && timeout -s INT -k 30 $left python3 -m infer compare --out "$out/$set" \
        --no-mp4 --no-tables --together 6144 --workers 1 --compile-cache "$out/cache" \
        --prompts "$prompts" ${MORE---dtype bfloat16 --portion 0} "$@"
}

methods() { # METHOD: short, long and very long videos
    make recorded --methods "$1" --frames $short $long --seeds "$seeds"
    make recorded --methods "$1" --frames $very_long --prompts "$few" --seeds 1
    make recorded --methods "$1" --frames $very_long --prompts "$few" --seeds "$seeds"
}

chosen() { # METHODS...
    make chosen --methods "$@" --frames $short $long --seed 100 --seeds 1
}

tried() { # METHODS...: what might have become the shipped model's scope
    make tried --methods "$@" --frames $short --seeds 1
}

cuts() { # METHODS...
    make cuts --methods "$@" --frames $((short + short / 8)) --scenes 2 --seeds 1
}

jobs=(
    "methods video_infinity"
    "methods reference"
    "methods freenoise"
    "methods independent"
    "methods stretched"
    "methods own"
    "methods many_local"
    "tried reference video_infinity many_local own global_only brief=video_infinity:switch=900 mid=video_infinity:local=12,switch=900 near=video_infinity:local=16,switch=950 lean=video_infinity:local=16,switch=1000,strength=2 mild=video_infinity:local=16,strength=2 wide=video_infinity:local=16,strength=0"
    "chosen many_local no_phases soft_phases"
    "chosen scaled weak=video_infinity:strength=2"
    "chosen video_infinity reference"
    "chosen local_only global_only"
    "chosen few_local"
    "chosen few_global many_global"
    "chosen unsynchronised shared_noise"
    "chosen rescheduled_noise spectral"
    "cuts own=own:cuts=prompts cut=video_infinity:cuts=prompts even=even_globals:cuts=prompts"
    "cuts none=video_infinity:crossfade=0 reference=reference:crossfade=0"
)
for n in ${ONLY:-${!jobs[@]}}; do
    ${jobs[n]} >>"$out/log-$n.txt" 2>&1 &
done
wait
tail -qn 1 "$out"/log-*.txt
