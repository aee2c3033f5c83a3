//! A program on a terminal of its own, and what its screen shows.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::den::PATIENCE;

const SIZE: (u16, u16) = (30, 100);

pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// Starts `program` with this environment and no other.
    pub fn open(program: &[&str], environment: &[(OsString, OsString)], standing_in: &Path) -> Self {
        let size = PtySize { rows: SIZE.0, cols: SIZE.1, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program[0]);
        command.args(&program[1..]);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(standing_in);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, into) = (pair.master.try_clone_reader().unwrap(), heard.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                into.lock().unwrap().extend_from_slice(&bytes[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, _master: pair.master, keys, heard }
    }

    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }

    pub fn text(&self) -> String {
        let size = |n| NonZeroU16::new(n).unwrap();
        let mut parser = vt100::Parser::new(size(SIZE.0), size(SIZE.1), 0);
        parser.process(&self.heard());
        parser.screen().contents()
    }

    #[track_caller]
    pub fn shows(&mut self, wanted: &str) {
        let started = Instant::now();
        while !self.text().contains(wanted) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended ({ended:?}) before `{wanted}`:\n{}", self.text());
            assert!(started.elapsed() < PATIENCE, "`{wanted}` did not come:\n{}", self.text());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The exit status, as soon as it ended.
    #[track_caller]
    pub fn ended(&mut self) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(started.elapsed() < PATIENCE, "it does not end:\n{}", self.text());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
