//! `paseo ping`: how far away a daemon is, step by step.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::context::Road;
use super::runtime::run_async;
use super::{CommandResult, Context};
use crate::client;
use crate::complete;
use crate::error::CommandError;
use crate::output::{Format, Output};
use crate::protocol::session::Ping;
use crate::transport::{Lap, Stopwatch};

/// Cells of the longest bar.
const BAR: usize = 40;
/// Most rounds.
const MOST: u32 = 10_000;

/// Arguments of `paseo ping`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote; without it, the daemon that other commands talk to
    #[arg(add = complete::targets())]
    pub name: Option<String>,

    /// How many connections to make
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    pub count: u32,
}

/// The times of one step, in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Hop {
    hop: &'static str,
    min_ms: f64,
    median_ms: f64,
    p95_ms: f64,
    samples: usize,
}

/// Connects several times, one after the other, on the road that other commands would take.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut resolved = context.resolve(&context.selection()?)?;
    resolved.plan.waits = false;
    let (target, laps) = run_async(async {
        // The first connection finds the road; it is not counted, names and caches are cold.
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        daemon.close().await;
        let mut laps = Vec::new();
        for _ in 0..args.count {
            laps.extend(round(&road).await?);
        }
        Ok::<_, CommandError>((road.target.to_string(), laps))
    })?;
    let hops = summary(&laps);
    let total: Vec<f64> = millis(&laps, "total");
    let mut text = table(&hops);
    if context.output.format == Format::Table && context.output.terminal {
        text.push_str(&histogram(&total));
    }
    let json = json!({ "target": target, "count": args.count, "hops": hops });
    let text = format!("{target}, {} connections\n{text}", args.count);
    Ok(Output::Text {
        text: text.trim_end().to_owned(),
        json,
    }
    .into())
}

/// Makes one connection and one request, and returns what took how long.
async fn round(road: &Road) -> Result<Vec<Lap>, CommandError> {
    let watch = Stopwatch::running();
    let settings = client::Settings {
        watch: watch.clone(),
        // One step after the other, so that each can be told from the next.
        pipelined: false,
        ..road.settings.clone()
    };
    let start = Instant::now();
    let daemon = client::connect(&road.target, &settings).await?;
    let request = Instant::now();
    daemon.call(&Ping::default()).await?;
    watch.note("request", request.elapsed());
    watch.note("total", start.elapsed());
    daemon.close().await;
    Ok(watch.take())
}

/// Returns the times of one step, ascending.
fn millis(laps: &[Lap], hop: &str) -> Vec<f64> {
    let of = laps.iter().filter(|(name, _)| *name == hop);
    let mut times: Vec<Duration> = of.map(|(_, time)| *time).collect();
    times.sort_unstable();
    times
        .iter()
        .map(|time| time.as_secs_f64() * 1000.0)
        .collect()
}

fn summary(laps: &[Lap]) -> Vec<Hop> {
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in laps {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let hop = |hop| {
        let times = millis(laps, hop);
        Hop {
            hop,
            min_ms: round_off(quantile(&times, 0.0)),
            median_ms: round_off(quantile(&times, 0.5)),
            p95_ms: round_off(quantile(&times, 0.95)),
            samples: times.len(),
        }
    };
    names.into_iter().map(hop).collect()
}

/// The value that a part of the ascending values does not exceed (nearest rank).
fn quantile(ascending: &[f64], part: f64) -> f64 {
    let rank = (part * ascending.len() as f64).ceil() as usize;
    let value = ascending.get(rank.saturating_sub(1));
    value.copied().unwrap_or_default()
}

fn round_off(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}

fn table(hops: &[Hop]) -> String {
    let mut text = format!("{:<10}{:>10}{:>10}{:>10}\n", "HOP", "MIN", "MEDIAN", "P95");
    for hop in hops {
        let (name, min, median, p95) = (hop.hop, hop.min_ms, hop.median_ms, hop.p95_ms);
        text.push_str(&format!(
            "{name:<10}{min:>8.2}ms{median:>8.2}ms{p95:>8.2}ms\n"
        ));
    }
    text
}

/// Draws how the times are spread, in at most eight bars of the same width in time.
fn histogram(ascending: &[f64]) -> String {
    const BARS: usize = 8;
    let (Some(least), Some(most)) = (ascending.first(), ascending.last()) else {
        return String::new();
    };
    let width = ((most - least) / BARS as f64).max(0.01);
    let mut counts = [0usize; BARS];
    for time in ascending {
        let bar = ((time - least) / width) as usize;
        counts[bar.min(BARS - 1)] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(1).max(1);
    let mut text = String::from("\n");
    for (bar, count) in counts.iter().enumerate() {
        let from = least + width * bar as f64;
        let cells = "█".repeat((count * BAR).div_ceil(highest));
        text.push_str(&format!("{from:>8.2}ms {cells} {count}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_nearest_rank() {
        let times: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(quantile(&times, 0.0), 1.0);
        assert_eq!(quantile(&times, 0.5), 10.0);
        assert_eq!(quantile(&times, 0.95), 19.0);
        assert_eq!(quantile(&[7.0], 0.95), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn every_sample_is_in_a_bar() {
        for times in [&[1.0][..], &[1.0, 1.0, 1.0], &[0.1, 5.0, 5.1, 90.0]] {
            let drawn = histogram(times);
            let counted: usize = drawn
                .lines()
                .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
                .sum();
            assert_eq!(counted, times.len(), "{drawn}");
        }
    }
}
