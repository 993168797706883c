//! Memories that were used before: an instance finds nothing of what others have left.

use planish::{
    Config, Engine, Error, Instance, InstanceAllocationStrategy, Memory, Module, PoolingAllocationConfig, Store, Trap,
    TypedFunc,
};

const PAGE: usize = 64 << 10;

/// Each exports its memory, `load` and `fill`; `data` are its active segments.
struct Case {
    pages: usize,
    data: Vec<(usize, Vec<u8>)>,
    module: Module,
}

impl Case {
    fn new(engine: &Engine, pages: usize, data: Vec<(usize, Vec<u8>)>) -> Case {
        let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let segments = data.iter().map(|(at, bytes)| format!("(data (i32.const {at}) \"{}\")", escape(bytes)));
        let module = format!(
            r#"(module (memory (export "memory") {pages}) {}
                (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
                (func (export "load far") (param i32) (result i32) (i32.load8_u offset=0xffffffff (local.get 0)))
                (func (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 0xa5)))
                (func (export "fill") (param i32 i32)
                    (memory.fill (local.get 0) (i32.const 0x5a) (local.get 1)))
                (func (export "trap") unreachable)
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
            segments.collect::<String>(),
        );
        Case { pages, data, module: Module::new(engine, module).unwrap() }
    }

    fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.pages * PAGE];
        for (at, data) in &self.data {
            bytes[*at..*at + data.len()].copy_from_slice(data);
        }
        bytes
    }
}

fn cases(engine: &Engine) -> Vec<Case> {
    let text = |len: usize| (0..len).map(|at| (at % 251) as u8 + 1).collect::<Vec<u8>>();
    let case = |pages, data| Case::new(engine, pages, data);
    vec![
        case(0, vec![]),
        case(1, vec![]),
        case(2, vec![(0, text(10))]),
        case(2, vec![(2 * PAGE - 10, text(10))]),
        case(3, vec![(4090, text(10)), (4090 + 5, text(3)), (9000, text(1))]),
        case(16, vec![(0, text(16 * PAGE))]),
        case(16, vec![(5 * PAGE + 123, text(3 * PAGE))]),
        case(17, vec![(17 * PAGE, vec![]), (15 * PAGE, text(2 * PAGE))]),
        case(40, vec![]),
        case(40, vec![(20 * PAGE, text(5000))]),
        // Too sparse for an image.
        case(40, vec![(0, text(1)), (39 * PAGE, text(1))]),
    ]
}

/// An instance, checked to be new.
fn instance(case: &Case, store: &mut Store<()>) -> (Instance, Memory) {
    let instance = Instance::new(&mut *store, &case.module, &[]).unwrap();
    let memory = instance.get_memory(&mut *store, "memory").unwrap();
    assert_eq!(memory.size(&*store), case.pages as u64);
    assert!(memory.data(&*store) == case.contents(), "not as when it was new");
    (instance, memory)
}

fn check_end(store: &mut Store<()>, instance: Instance, len: usize) {
    let load: TypedFunc<u32, u32> = instance.get_typed_func(&mut *store, "load").unwrap();
    let far: TypedFunc<u32, u32> = instance.get_typed_func(&mut *store, "load far").unwrap();
    let write: TypedFunc<u32, ()> = instance.get_typed_func(&mut *store, "store").unwrap();
    let trap = Some(Trap::MemoryOutOfBounds);
    if len > 0 {
        assert!(load.call(&mut *store, len as u32 - 1).is_ok());
    }
    for beyond in [0, 1, 4095, 4096, PAGE, 16 * PAGE, 100 * PAGE] {
        let address = (len + beyond) as u32;
        assert_eq!(load.call(&mut *store, address).unwrap_err().trap(), trap, "{beyond} beyond");
        assert_eq!(write.call(&mut *store, address).unwrap_err().trap(), trap, "{beyond} beyond");
    }
    assert_eq!(load.call(&mut *store, u32::MAX).unwrap_err().trap(), trap);
    for far_beyond in [1, 2, u32::MAX] {
        let outcome = far.call(&mut *store, far_beyond);
        assert_eq!(outcome.unwrap_err().trap(), trap);
    }
}

/// A sequence of numbers that looks random (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

/// Leaves something in the memory, in one of several ways.
fn make_dirty(numbers: &mut Numbers, store: &mut Store<()>, instance: Instance, memory: Memory) -> Result<(), Error> {
    let fill: TypedFunc<(u32, u32), ()> = instance.get_typed_func(&mut *store, "fill")?;
    let write: TypedFunc<u32, ()> = instance.get_typed_func(&mut *store, "store")?;
    let grow: TypedFunc<u32, i32> = instance.get_typed_func(&mut *store, "grow")?;
    let len = memory.data_size(&*store);
    match numbers.below(7) {
        0 => {}
        1 => fill.call(&mut *store, (0, len as u32))?,
        2 if len > 0 => {
            for _ in 0..numbers.below(100) {
                write.call(&mut *store, numbers.below(len) as u32)?;
            }
        }
        3 => {
            let more = numbers.below(30);
            assert_eq!(grow.call(&mut *store, more as u32)?, (len / PAGE) as i32);
            assert!(memory.data(&*store)[len..].iter().all(|byte| *byte == 0), "new pages are zero");
            fill.call(&mut *store, (0, (len + more * PAGE) as u32))?;
            check_end(store, instance, len + more * PAGE);
        }
        4 => memory.data_mut(&mut *store).fill(3),
        5 if len > 0 => {
            write.call(&mut *store, 0)?;
            write.call(&mut *store, len as u32 - 1)?;
            let trap: TypedFunc<(), ()> = instance.get_typed_func(&mut *store, "trap")?;
            assert!(trap.call(&mut *store, ()).is_err());
        }
        _ => {
            // Read everything, which maps pages without writing to them.
            assert!(memory.data(&*store).iter().map(|byte| usize::from(*byte)).sum::<usize>() < usize::MAX);
            assert_eq!(grow.call(&mut *store, 65537)?, -1);
            memory.grow(&mut *store, 1)?;
        }
    }
    Ok(())
}

fn engine(slots: u32, resident: usize) -> Engine {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_unused_warm_slots(slots).linear_memory_keep_resident(resident);
    Engine::new(Config::new().allocation_strategy(pool)).unwrap()
}

fn run(engine: &Engine, cases: &[Case], seed: u64, instances: usize) {
    let mut numbers = Numbers(seed);
    for _ in 0..instances {
        let mut store = Store::new(engine, ());
        for _ in 0..1 + numbers.below(3) {
            let case = &cases[numbers.below(cases.len())];
            let (instance, memory) = instance(case, &mut store);
            check_end(&mut store, instance, case.pages * PAGE);
            make_dirty(&mut numbers, &mut store, instance, memory).unwrap();
        }
    }
}

#[test]
fn nothing_is_left_of_former_instances() {
    for (slots, resident) in [(1, 1 << 20), (1, 0), (1, 64 << 10), (3, 1 << 20), (2, 4096), (0, 0), (64, usize::MAX)] {
        let engine = engine(slots, resident);
        run(&engine, &cases(&engine), u64::from(slots) ^ resident as u64, 60);
    }
    let engine = Engine::new(Config::new().allocation_strategy(InstanceAllocationStrategy::OnDemand)).unwrap();
    run(&engine, &cases(&engine), 9, 30);
}

#[test]
fn threads_share_a_pool() {
    let engine = engine(4, 256 << 10);
    let cases = cases(&engine);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (engine, cases) = (&engine, &cases);
            scope.spawn(move || run(engine, cases, 1000 + seed, 100));
        }
    });
}

/// After many that write nothing the pool does not look any more at what was written.
#[test]
fn nothing_is_left_after_many_that_write_nothing() {
    let engine = engine(4, 1 << 20);
    let cases = cases(&engine);
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (engine, cases) = (&engine, &cases);
            scope.spawn(move || {
                let mut numbers = Numbers(seed);
                for case in &cases[..5] {
                    for round in 1..400 {
                        let mut store = Store::new(engine, ());
                        if round % 39 != 0 {
                            Instance::new(&mut store, &case.module, &[]).unwrap();
                            continue;
                        }
                        let (instance, memory) = instance(case, &mut store);
                        make_dirty(&mut numbers, &mut store, instance, memory).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn modules_come_and_go() {
    let engine = engine(4, 1 << 20);
    let mut numbers = Numbers(5);
    for round in 0..20 {
        let cases =
            [Case::new(&engine, 2, vec![(100, vec![round + 1; 5000])]), Case::new(&engine, 1 + round as usize, vec![])];
        for _ in 0..8 {
            let case = &cases[numbers.below(2)];
            let mut store = Store::new(&engine, ());
            let (instance, memory) = instance(case, &mut store);
            make_dirty(&mut numbers, &mut store, instance, memory).unwrap();
        }
    }
}

#[test]
fn memories_of_the_host_come_from_the_pool_too() {
    let engine = engine(1, 1 << 20);
    let module = Case::new(&engine, 1, vec![(0, vec![9; 100])]);
    for _ in 0..4 {
        let mut store = Store::new(&engine, ());
        let (_, memory) = instance(&module, &mut store);
        memory.data_mut(&mut store).fill(1);
        drop(store);
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, planish::MemoryType::new(2, None)).unwrap();
        assert!(memory.data(&store).iter().all(|byte| *byte == 0));
        memory.data_mut(&mut store).fill(1);
    }
}

/// What an instance sees of a failed one is what the specification says, image or not: an element segment that does not fit keeps
/// the data segments from being written.
#[test]
fn a_failed_instance_is_seen_as_the_specification_says() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "m" "table" (table 1 funcref)) (memory 1)
            (func $see (result i32) (i32.load8_u (i32.const 0)))
            (elem (i32.const 0) $see) (elem (i32.const 1) $see)
            (data (i32.const 0) "x"))"#,
    )
    .unwrap();
    for _ in 0..4 {
        let mut store = Store::new(&engine, ());
        let ty = planish::TableType::new(planish::RefType::FUNCREF, 1, None);
        let table = planish::Table::new(&mut store, ty, planish::Ref::Func(None)).unwrap();
        let error = Instance::new(&mut store, &module, &[table.into()]).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::TableOutOfBounds));
        let see = table.get(&mut store, 0).unwrap().as_func().unwrap();
        assert_eq!(see.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 0);
    }
}

/// Segments whose offset only the instance knows are copied each time.
#[test]
fn offsets_that_are_imported_are_obeyed() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "m" "at" (global i32)) (memory (export "memory") 1)
            (data (i32.const 10) "ab") (data (global.get 0) "c"))"#,
    )
    .unwrap();
    for at in [1, 11, 4000, 65535] {
        let mut store = Store::new(&engine, ());
        let ty = planish::GlobalType::new(planish::ValType::I32, planish::Mutability::Const);
        let global = planish::Global::new(&mut store, ty, at.into()).unwrap();
        let instance = Instance::new(&mut store, &module, &[global.into()]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let bytes = memory.data(&store);
        let written = bytes.iter().filter(|byte| **byte != 0).count();
        assert_eq!((bytes[at as usize], bytes[10], written), (b'c', b'a', if at == 11 { 2 } else { 3 }));
    }
}
