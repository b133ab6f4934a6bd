//! Searches the memory of another process. Only root may do that with a command of ours.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Counts where something is in the writable memory of a process.
pub(crate) fn found(pid: u32, sought: impl AsRef<[u8]>) -> usize {
    let sought = sought.as_ref();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut count = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(number(start))).unwrap();
        // A part that is not there, such as a guard page, has nothing to find.
        let _ = (&mut memory)
            .take(number(end) - number(start))
            .read_to_end(&mut bytes);
        count += bytes
            .windows(sought.len())
            .filter(|window| *window == sought)
            .count();
    }
    count
}
