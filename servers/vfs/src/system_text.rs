//! Texts of `/proc` about the whole system, in the formats of Linux that tools read.

use alloc::format;
use alloc::string::String;
use kernel_abi::system::{LOAD_UNIT, SystemInfo};

use crate::process_node::system;

const NS_PER_TICK: u64 = 10_000_000;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// The text of a file. `realtime_ns` is the time since 1970.
pub(crate) fn text(node: u64, info: &SystemInfo, realtime_ns: i64, last_process: u64) -> String {
    match node {
        system::MEMORY => memory(info),
        system::UPTIME => format!("{} {}\n", seconds(info.uptime_ns), seconds(info.idle_ns)),
        system::STATISTICS => statistics(info, realtime_ns),
        system::PROCESSORS => processors(info),
        system::VERSION => String::from(concat!(
            "MicroKosm version ",
            env!("CARGO_PKG_VERSION"),
            "\n"
        )),
        system::LOAD => load(info, last_process),
        system::COUNTERS => counters(info),
        system::PAGES => format!(
            "nr_free_pages {}\npgfault {}\n",
            info.memory_free_bytes / kernel_abi::PAGE_SIZE,
            info.page_faults,
        ),
        system::SWAPS => String::from("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
        system::SYSTEM_NAME => String::from("MicroKosm\n"),
        system::RELEASE => String::from(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        system::PROCESS_MAX => String::from("4194304\n"),
        system::THREADS_MAX => String::from("65536\n"),
        system::GROUPS_MAX => format!("{}\n", proto::types::MAX_GROUPS),
        _ => String::from("\text2\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n"),
    }
}

fn seconds(ns: u64) -> String {
    format!("{}.{:02}", ns / NS_PER_SECOND, ns / NS_PER_TICK % 100)
}

fn memory(info: &SystemInfo) -> String {
    let kib = |bytes: u64| bytes >> 10;
    let lines = [
        ("MemTotal:", kib(info.memory_total_bytes)),
        ("MemFree:", kib(info.memory_free_bytes)),
        // What is cached can be read again.
        (
            "MemAvailable:",
            kib(info.memory_free_bytes + info.cached_bytes),
        ),
        ("Buffers:", 0),
        ("Cached:", kib(info.cached_bytes)),
        ("SwapCached:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
    ];
    let line = |(name, value): (&str, u64)| format!("{name:<15} {value:>8} kB\n");
    lines.into_iter().map(line).collect()
}

fn load(info: &SystemInfo, last_process: u64) -> String {
    let number = |load: u64| {
        let hundredths = (load * 100 + LOAD_UNIT / 2) / LOAD_UNIT;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    format!(
        "{} {} {} {}/{} {last_process}\n",
        number(info.load_1),
        number(info.load_5),
        number(info.load_15),
        info.runnable,
        info.threads,
    )
}

fn processors(info: &SystemInfo) -> String {
    let entry = |cpu| {
        format!(
            "processor\t: {cpu}\nvendor_id\t: unknown\nmodel name\t: x86-64\ncpu cores\t: 1\n\n"
        )
    };
    (0..info.cpus).map(entry).collect()
}

/// `/proc/counters`, this system's own: how many of the kernel's objects there are, and free pages.
fn counters(info: &SystemInfo) -> String {
    format!(
        "processes {}\nthreads {}\nhandles {}\nmemories {}\nendpoints {}\nsessions {}\nstreams {}\n\
         free_pages {}\n",
        info.processes,
        info.threads,
        info.handles,
        info.memories,
        info.endpoints,
        info.sessions,
        info.streams,
        info.memory_free_bytes / kernel_abi::PAGE_SIZE,
    )
}

/// `/proc/stat`: what the processors did, in hundredths of a second, and counters.
fn statistics(info: &SystemInfo, realtime_ns: i64) -> String {
    let ticks = |ns: u64| ns / NS_PER_TICK;
    let line = |name: &str, all_ns: u64, idle_ns: u64, kernel_ns: u64| {
        let user_ns = all_ns.saturating_sub(idle_ns).saturating_sub(kernel_ns);
        format!(
            "{name} {} 0 {} {} 0 0 0 0 0 0\n",
            ticks(user_ns),
            ticks(kernel_ns),
            ticks(idle_ns),
        )
    };
    let all_ns = info.uptime_ns.saturating_mul(info.cpus);
    let kernel_ns = info.processor_kernel_ns.iter().sum();
    let mut text = line("cpu ", all_ns, info.idle_ns, kernel_ns);
    let processors = info.processor_idle_ns.iter().zip(&info.processor_kernel_ns);
    let count = usize::try_from(info.cpus).unwrap_or(usize::MAX);
    for (cpu, (idle_ns, kernel_ns)) in processors.take(count).enumerate() {
        text.push_str(&line(
            &format!("cpu{cpu}"),
            info.uptime_ns,
            *idle_ns,
            *kernel_ns,
        ));
    }
    let booted_ns = realtime_ns.saturating_sub_unsigned(info.uptime_ns);
    text.push_str(&format!(
        "intr {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
        info.interrupts,
        info.context_switches,
        booted_ns.div_euclid(NS_PER_SECOND as i64),
        info.processes_made,
        info.runnable,
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_a_processor_add_up_to_the_time_since_it_started() {
        let mut info = SystemInfo {
            cpus: 2,
            uptime_ns: 10 * NS_PER_SECOND,
            idle_ns: 12 * NS_PER_SECOND,
            ..Default::default()
        };
        info.processor_idle_ns[0] = 4 * NS_PER_SECOND;
        info.processor_idle_ns[1] = 8 * NS_PER_SECOND;
        info.processor_kernel_ns[0] = NS_PER_SECOND;
        let text = statistics(&info, 100 * NS_PER_SECOND as i64);
        let lines = [
            "cpu  700 0 100 1200 ",
            "cpu0 500 0 100 400 ",
            "cpu1 200 0 0 800 ",
            "btime 90",
        ];
        for line in lines {
            assert!(
                text.lines().any(|found| found.starts_with(line)),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn loads_are_told_in_hundredths() {
        let info = SystemInfo {
            load_1: LOAD_UNIT * 3 / 2,
            load_15: LOAD_UNIT / 50,
            runnable: 2,
            threads: 40,
            ..Default::default()
        };
        assert_eq!(load(&info, 99), "1.50 0.00 0.02 2/40 99\n");
    }
}
