//! The command: exit statuses, what goes to which stream, the subcommands.

#[path = "front_page/count_words.rs"]
mod count_words;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn planish(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_planish"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // Who does not read its input has ended already.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    child.wait_with_output().expect("the command ends")
}

/// Exit status, standard output, standard error.
fn run(args: &[&str], stdin: &str) -> (i32, String, String) {
    let output = planish(args, stdin);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

/// Writes a module where the command can read it.
fn module(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn a_real_program_counts_words() {
    let program = "examples/programs/words.wasm";
    let (status, out, err) = run(&["run", program], "to be or not to be");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out, "      2 be\n      2 to\n      1 not\n      1 or\n");
    let (status, out, _) = run(&["run", "--dir", ".", program, "-n", "3", "LICENSE-APACHE"], "");
    assert_eq!((status, out.as_str()), (0, "    100 the\n     69 or\n     67 of\n"));
    let (status, out, _) = run(&["run", "--dir", "examples::texts", program, "texts/programs/words.c"], "");
    assert_eq!((status, out.lines().count()), (0, 10));
    let (status, _, err) = run(&["run", program, "LICENSE-APACHE"], "");
    assert_eq!((status, err.contains("LICENSE-APACHE")), (1, true), "no directory was given: {err}");
}

/// The front page's second program, pasted into a project beside this folder, finds what it runs.
#[test]
fn the_program_of_the_front_page_counts_words() {
    let page = include_str!("../README.md");
    let copy = include_str!("front_page/count_words.rs").replace("pub fn", "fn");
    let (first_line, program) = copy.split_once("\n\n").expect("a program");
    assert!(first_line.starts_with("//!") && page.contains(program), "README.md has another program");
    let (_, main) =
        page.split_once("count_words(\"../planish/").expect("`main` names a file of this folder, seen from beside it");
    let (file, _) = main.split_once('"').expect("a string");
    count_words::count_words(file).expect("it counts");
}

#[test]
fn the_exit_status_is_the_guests() {
    let exit = |status: i32| {
        module(
            &format!("exit{status}.wat"),
            &format!(
                r#"(module
                    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                    (memory (export "memory") 1)
                    (func (export "_start") (call $exit (i32.const {status})) unreachable))"#
            ),
        )
    };
    for status in [0, 1, 33, 255] {
        assert_eq!(run(&["run", &exit(status)], "").0, status);
    }
    // A process' status has 8 bits.
    assert_eq!(run(&["run", &exit(256 + 7)], "").0, 7);
}

#[test]
fn a_trap_says_what_and_where() {
    let path = module(
        "trap.wat",
        "(module $m
            (func $inner (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))
            (func (export \"_start\") (call $inner (i32.const 0))))",
    );
    let (status, out, err) = run(&["run", &path], "");
    assert_eq!((status, out.as_str()), (134, ""));
    assert!(err.starts_with("trap: integer divide by zero\n"), "{err}");
    assert!(err.contains("m!inner") && err.contains("m!_start") && err.contains("0x"), "{err}");
}

/// A function's name in a backtrace is that of the section `name`, or else the first of its exports, or else its index.
#[test]
fn a_backtrace_has_the_names_that_there_are() {
    let path = module(
        "names.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
            (memory (export "memory") 1)
            (export "second" (func 2)) (export "also second" (func 2)) (export "third" (func 3))
            (func unreachable)
            (func (call 1))
            (func $named (call 2))
            (func (export "_start") (call 3)))"#,
    );
    for codegen in ["lazy-compilation=n", "lazy-compilation"] {
        let (_, _, err) = run(&["run", "-C", codegen, &path], "");
        let names: Vec<&str> = err.lines().filter_map(|line| line.split_once('!')).map(|(_, name)| name).collect();
        assert_eq!(names, ["<wasm function 1>", "second", "named", "_start"], "{err}");
    }
    let out = run(&["objdump", &path], "").1;
    for line in ["function 1: ", "function 2 \"second\": ", "function 3 $named \"third\": "] {
        assert!(out.contains(line), "{line} in {out}");
    }
}

#[test]
fn functions_can_be_invoked() {
    let path = module(
        "invoke.wat",
        "(module
            (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export \"swap\") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
            (func (export \"half\") (param f32) (result f32) (f32.mul (local.get 0) (f32.const 0.5)))
            (func (export \"null\") (param externref) (result i32) (ref.is_null (local.get 0)))
            (func (export \"not\") (param v128) (result v128) (v128.not (local.get 0))))",
    );
    let invoke = |args: &[&str]| run(&[&["run", "--invoke"], &args[..1], &[path.as_str()], &args[1..]].concat(), "");
    assert_eq!(invoke(&["add", "40", "2"]).1, "42\n");
    assert_eq!(invoke(&["add", "-1", "0xffffffff"]).1, "-2\n");
    assert_eq!(invoke(&["swap", "-7", "1.5"]).1, "1.5\n-7\n");
    assert_eq!(invoke(&["half", "-3"]).1, "-1.5\n");
    assert_eq!(invoke(&["not", "0xff"]).1, "0xffffffffffffffffffffffffffffff00\n");
    for vector in ["i32x4 -1 -1 0 0xffffffff", "i64x2 -1 0xffffffff00000000", "0xffffffff00000000ffffffffffffffff"] {
        assert_eq!(invoke(&["not", vector]).1, "0x00000000ffffffff0000000000000000\n", "{vector}");
    }
    assert_eq!(invoke(&["not", "f64x2 nan 0"]).1, "0xffffffffffffffff8007ffffffffffff\n");
    assert_eq!(invoke(&["null", "null"]).1, "1\n");
    for (args, message) in [
        (&["not", "7"][..], "`7` is not a vector: write `i32x4 1 2 3 4`, as one argument, or all bits after `0x`"),
        (&["not", "i32x4 1 2 3"], "`i32x4 1 2 3` is not a vector: write "),
        (&["null", "0"], "`0` is not a value of type externref: only `null` can be written"),
        (&["half", "x"], "`x` is not a value of type f32"),
        (&["half"], "wrong number of arguments: 0 instead of 1"),
        (&["half", "1", "2"], "wrong number of arguments: 2 instead of 1"),
    ] {
        let (status, _, err) = invoke(args);
        assert_eq!((status, err.starts_with(&format!("planish: {message}"))), (1, true), "{err}");
    }
    assert_eq!(invoke(&["add", "1"]).0, 1);
    assert_eq!(invoke(&["add", "1", "4294967296"]).0, 1);
    assert_eq!(invoke(&["none"]).0, 1);
}

#[test]
fn arguments_behind_the_file_are_the_guests() {
    let path = module(
        "args.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (func (export "_start")
                (drop (call $sizes (i32.const 0) (i32.const 4)))
                (call $exit (i32.load (i32.const 0)))))"#,
    );
    assert_eq!(run(&["run", &path, "--dir", "--help", "-x", "--", "y"], "").0, 6);
    assert_eq!(run(&["run", "--env", "A=B", &path], "").0, 1);
    assert_eq!(run(&["run", "--env", "nonsense", &path], "").0, 2);
}

#[test]
fn modules_are_validated() {
    let good = module("good.wat", "(module (func (result i32) i32.const 1))");
    let bad = module("bad.wat", "(module (func (result i32) i64.const 1))");
    assert_eq!(run(&["validate", &good], ""), (0, String::new(), String::new()));
    let (status, _, err) = run(&["validate", &bad], "");
    assert_eq!(status, 1);
    assert!(err.contains("type mismatch") && err.contains("offset 0x"), "{err}");
    assert_eq!(run(&["run", &bad], "").0, 1);
}

/// Whatever is wrong with a file, each subcommand says which file it is, in few lines.
#[test]
fn errors_name_the_file() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let none = format!("{folder}/none.wasm");
    let text = module("unknown.wat", "(module\n(func (foo)))");
    let bytes = module("none of ours.wasm", "\0asn\u{1}\0\0\0");
    let prose = module("prose.wasm", "Dear reader,\n");
    let invalid = module("invalid.wat", "(module (func (result i32) i64.const 1))");
    let magic =
        "magic header not detected: modules begin with the bytes 00 61 73 6d, text with `(` or `;` (at offset 0x0)\n";
    for command in ["run", "validate", "compile", "objdump"] {
        for (file, message) in [
            (&none, "No such file or directory (os error 2)\n"),
            (&folder.to_owned(), "Is a directory (os error 21)\n"),
            (&bytes, magic),
            (&prose, magic),
            (&invalid, "type mismatch"),
        ] {
            let (status, out, err) = run(&[command, file], "");
            assert_eq!((status, out.as_str()), (1, ""));
            assert!(err.starts_with(&format!("planish: {file}: {message}")), "{command}: {err}");
            assert_eq!(err.lines().count(), 1, "{err}");
        }
        let (status, _, err) = run(&[command, &text], "");
        assert!(status == 1 && err.contains(&format!("--> {text}:2:8\n")), "{command}: {err}");
    }
    let (status, out, _) = run(&["wast", &text], "");
    assert!(status == 1 && out.contains(&format!("--> {text}:2:8\n")), "{out}");
    let (status, _, err) = run(&["wast", &none], "");
    assert_eq!((status, err), (1, format!("planish: {none}: No such file or directory (os error 2)\n")));
}

#[test]
fn scripts_are_run() {
    let good = module(
        "good.wast",
        "(module (func (export \"f\") (result f32) (f32.div (f32.const 0) (f32.const 0))))
         (assert_return (invoke \"f\") (f32.const nan:canonical))",
    );
    assert_eq!(run(&["wast", &good], "").1, "1 passed, 0 failed\n");
    let functions = |expected: &str| {
        let text = format!(
            "(module
                (func $f (import \"spectest\" \"print\")) (func $g (export \"g\")) (elem declare func $f)
                (func (export \"get f\") (result funcref) (ref.func $f)) (func (export \"get g\") (result funcref) (ref.func $g)))
             (module (func (export \"other\")))
             {expected}"
        );
        run(&["wast", &module("functions.wast", &text.replace("(module\n", "(module $m\n"))], "").1
    };
    for (name, right, wrong) in [
        ("get f", ["(ref.func 0)", "(ref.func $f)"], "(ref.func 1)"),
        ("get g", ["(ref.func 1)", "(ref.func $g)"], "(ref.func $f)"),
    ] {
        for expected in right.into_iter().chain(["(ref.func)", "(either (ref.null) (ref.func))"]) {
            let assertion = format!("(assert_return (invoke $m \"{name}\") {expected})");
            assert_eq!(functions(&assertion), "1 passed, 0 failed\n", "{assertion}");
        }
        for expected in [wrong, "(ref.func 9)", "(ref.func $none)"] {
            let out = functions(&format!("(assert_return (invoke $m \"{name}\") {expected})"));
            assert!(out.ends_with("0 passed, 1 failed\n"), "{out}");
        }
    }
    let bad = module(
        "bad.wast",
        "(module (func (export \"f\") (result i32) (i32.const 1)))
         (assert_return (invoke \"f\") (i32.const 1))
         (assert_return (invoke \"f\") (i32.const 2))
         (assert_trap (invoke \"f\") \"unreachable\")
         (assert_invalid (module (func)) \"type mismatch\")
         (assert_exhaustion (invoke \"f\") \"call stack exhausted\")
         (assert_unlinkable (module) \"unknown import\")",
    );
    let (status, out, _) = run(&["wast", &bad], "");
    assert_eq!(status, 1);
    for line in [3, 4, 5, 6, 7] {
        assert!(out.contains(&format!("bad.wast:{line}: ")), "line {line} in {out}");
    }
    assert!(out.ends_with("1 passed, 5 failed\n"), "{out}");
}

#[test]
fn machine_code_is_shown_beside_its_source() {
    let path = module(
        "dump.wat",
        "(module (memory 1)
            (func $load (param i32) (result i32) (i32.load offset=4 (local.get 0)))
            (func (if (i32.eqz (call $load (i32.const 0))) (then unreachable))))",
    );
    let (status, out, _) = run(&["objdump", &path], "");
    assert_eq!(status, 0);
    for part in ["function 0 $load", "i32.load offset=4 align=4", "[r15", "function 1", "call", "ud2", "ret"] {
        assert!(out.contains(part), "{part} in {out}");
    }
}

#[test]
fn tapes_are_shown_beside_their_source() {
    let path = module(
        "tape.wat",
        "(module (memory 1) (type $unary (func (param i32) (result i32))) (table 1 funcref) (tag $oops (param f64))
            (func $load (param i32) (result i32) (i32.load8_u offset=4 (local.get 0)))
            (func (result i32) (local i32) (block
                (br_if 0 (i32.lt_u (call $load (i32.const 7)) (local.get 0)))
                (local.set 0 (call_indirect (type $unary) (i32.const 1) (local.get 0)))
                (throw $oops (f64.const 1.5)))
                (local.get 0)))",
    );
    let (status, out, _) = run(&["objdump", "--tape", &path], "");
    assert_eq!(status, 0);
    println!("{out}");
    for part in [
        "function 0 $load: ",
        "i32.load8_u offset=4 align=1\n",
        "0  t0 = load.u8 i32 [v0 + 4] ",
        " quick\n",
        "1  return (t0) ",
        "0  t0 = call i32 function 0 (7) ",
        "1  branch.int.below i32 t0, v0 -> L1 ",
        "2  v0 = callindirect i32 type 0 table 0 (v0, 1) ",
        "3  throw 0 (0x3ff8000000000000) ",
        "4  label L1 ",
        "v0: i32, entries 0 to ",
    ] {
        assert!(out.contains(part), "{part} in {out}");
    }
}

#[test]
fn compilation_is_timed_by_stages() {
    let (status, out, err) = run(&["compile", "--timings", "--threads", "2", "examples/programs/words.wasm"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    let rows: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(out.lines().next().is_some_and(|machine| machine.contains(", Linux ")), "{out}");
    assert_eq!(rows[4..], ["decode", "scan", "assign", "emit", "link", "all"], "{out}");
    let all: Vec<&str> = out.lines().last().expect("rows").split_whitespace().collect();
    assert_eq!(all[2], "100.0%");
    assert!(all[3].parse::<f64>().expect("nanoseconds per operator") > 1.0, "{out}");
}

#[test]
fn features_are_turned_on_and_off_by_name() {
    let two = module("two_memories.wat", "(module (memory 1) (memory 1))");
    assert_eq!(run(&["validate", &two], "").0, 0);
    let (status, _, err) = run(&["validate", "-W", "threads=n,multi-memory=n", &two], "");
    assert_eq!((status, err.contains("multiple memories are not enabled")), (1, true), "{err}");
    assert_eq!(run(&["-W", "multi-memory=n,multi-memory", "validate", &two], "").0, 0);
    let script =
        module("two_tables.wast", r#"(assert_invalid (module (table 0 funcref) (table 0 funcref)) "multiple")"#);
    assert_eq!(run(&["wast", &script], "").0, 1);
    assert_eq!(run(&["wast", "--wasm=reference-types=n", &script], "").0, 0);
    let (status, _, err) = run(&["validate", "-W", "multimemory", &two], "");
    assert_eq!(
        (status, err.contains("no feature is named `multimemory`: there are sign-extension, ")),
        (2, true),
        "{err}"
    );
    let (status, _, err) = run(&["validate", "-W", "multi-memory=maybe", &two], "");
    assert_eq!((status, err.contains("it is on with `=y`")), (2, true), "{err}");
}

#[test]
fn functions_are_compiled_together_or_when_they_are_called() {
    let file = module(
        "one.wat",
        "(module (func (export \"f\") (param i32) (result i32) (i32.div_s (i32.const 6) (local.get 0))))",
    );
    for codegen in
        ["lazy-compilation", "lazy-compilation=n,parallel-compilation=n", "lazy-compilation=y,parallel-compilation"]
    {
        let (status, out, _) = run(&["run", "-C", codegen, "--invoke", "f", &file, "2"], "");
        assert_eq!((status, out.as_str()), (0, "3\n"), "{codegen}");
        assert_eq!(run(&["run", "-C", codegen, "--invoke", "f", &file, "0"], "").0, 134);
    }
    let script =
        module("one.wast", "(module (func (export \"f\") unreachable)) (assert_trap (invoke \"f\") \"unreachable\")");
    assert_eq!(run(&["wast", "-C", "lazy-compilation", &script], "").0, 0);
    let (status, _, err) = run(&["run", "-C", "lazy", &file], "");
    assert_eq!((status, err.contains("there are lazy-compilation, parallel-compilation")), (2, true), "{err}");
}

#[test]
fn a_script_with_folded_exceptions_keeps_its_lines() {
    let script = module(
        "folded.wast",
        "(module (tag $e) (func (export \"f\") (result i32)\n\
         (try (result i32)\n (do\n (throw $e))\n (catch $e\n (i32.const 1)))))\n\
         (assert_return (invoke \"f\") (i32.const 1))\n\
         (assert_return (invoke \"f\") (i32.const 2))\n",
    );
    let (status, out, _) = run(&["wast", &script], "");
    assert_eq!(status, 1);
    assert!(out.contains("folded.wast:8: got [I32(1)]") && out.ends_with("1 passed, 1 failed\n"), "{out}");
    let broken = module("broken.wast", "(module (tag $e)\n(func (try (do nop)\n(catch $e (nonsense)))))");
    let (status, out, _) = run(&["wast", &broken], "");
    assert_eq!((status, out.contains("broken.wast:3:")), (1, true), "{out}");
}

#[test]
fn help_is_shown_and_misuse_refused() {
    assert_eq!(run(&["-V"], ""), (0, concat!("planish ", env!("CARGO_PKG_VERSION"), "\n").into(), String::new()));
    let overview = run(&["--help"], "").1;
    // `run` alone has a parser of its own.
    let sorted = |args: &[&str]| {
        let (status, help, err) = run(args, "");
        assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
        let mut lines: Vec<String> = help.lines().map(String::from).collect();
        lines.sort();
        lines
    };
    for command in ["run", "wast", "validate", "compile", "objdump"] {
        assert!(overview.contains(&format!("\n  {command} ")), "{overview}");
        assert_eq!(sorted(&["help", command]), sorted(&[command, "--help"]));
    }
    for (args, message) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["--dir", "x", "run"], "unexpected argument '--dir' found"),
        (&["run"], "the following required arguments were not provided:\n  <FILE>"),
        (&["run", "--dir"], "a value is required for '--dir <HOST[::GUEST]>'"),
        (&["run", "--timings", "x"], "unexpected argument '--timings' found"),
        (&["run", "-W", "nothing", "x"], "invalid value 'nothing' for '--wasm"),
        (&["-W", "nothing", "run", "x"], "invalid value 'nothing' for '--wasm"),
    ] {
        let (status, out, err) = run(args, "");
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}");
        assert!(err.starts_with(&format!("error: {message}")), "{err}");
    }
}
