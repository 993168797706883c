//! The constant pool: every reference reads its constant, equal ones share, sizes are aligned.

use planish_asm::regs::*;
use planish_asm::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn references_read_their_constants(constants in proptest::collection::vec((0..5u32, 0..20u64), 0..60), capacity in 80..90usize) {
        let mut code = [0; 8192];
        let mut labels = [LabelSlot::EMPTY; 200];
        let mut slots = vec![PoolSlot::EMPTY; capacity];
        let mut a = Asm::new(&mut code, &mut labels);
        let mut pool = Pool::new(&mut slots);
        // Twice, so that what the first function left behind is in the slots.
        for _ in 0..2 {
            a.clear();
            let mut ends = Vec::new();
            for &(size, v) in &constants {
                let addr = match size {
                    0 => pool.u32(&mut a, v as u32),
                    1 => pool.u64(&mut a, v),
                    2 => pool.u128(&mut a, v as u128 | 7 << 100),
                    3 => pool.u256(&mut a, [v, 1, 2, 3]),
                    _ => pool.u512(&mut a, [v, 1, 2, 3, 4, 5, 6, 7]),
                };
                a.mov_rm(Width::W64, rax.any(), addr);
                ends.push(a.pos());
            }
            let mut distinct = constants.clone();
            distinct.sort();
            distinct.dedup();
            // A few may be stored twice when many have one hash.
            prop_assert!(pool.len() >= distinct.len() && pool.len() <= distinct.len() + 2);
            pool.emit(&mut a);
            let code = a.finish().unwrap();
            for (&(size, v), end) in constants.iter().zip(ends) {
                let disp = i32::from_le_bytes(code[end - 4..end].try_into().unwrap());
                let at = (end as i64 + disp as i64) as usize;
                let len = 4 << size;
                prop_assert_eq!(at % len, 0);
                let mut bytes = [0; 64];
                bytes[..8].copy_from_slice(&v.to_le_bytes());
                match size {
                    2 => bytes[..16].copy_from_slice(&(v as u128 | 7 << 100).to_le_bytes()),
                    3 | 4 => [1u64, 2, 3, 4, 5, 6, 7].iter().enumerate().for_each(|(i, w)| bytes[8 + i * 8..16 + i * 8].copy_from_slice(&w.to_le_bytes())),
                    _ => {}
                }
                prop_assert_eq!(&code[at..at + len], &bytes[..len]);
            }
        }
    }
}

#[test]
fn a_full_pool_is_an_error() {
    let (mut code, mut labels, mut slots) = ([0; 64], [LabelSlot::EMPTY; 4], [PoolSlot::EMPTY; 1]);
    let mut a = Asm::new(&mut code, &mut labels);
    let mut pool = Pool::new(&mut slots);
    pool.u32(&mut a, 1);
    pool.u32(&mut a, 1);
    assert_eq!(pool.len(), 1);
    pool.u32(&mut a, 2);
    assert_eq!(a.finish(), Err(AsmError::PoolFull));
}
