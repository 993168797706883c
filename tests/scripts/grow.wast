;; A refused growth is an i32 of -1, not an i64: as an index it reaches 4 GiB - 1, not the byte below the memory.

(module
  (memory 1 2)
  (table 1 2 funcref)
  (func (export "load") (param i32) (result i32) (i32.load (memory.grow (local.get 0))))
  (func (export "store") (param i32) (i32.store8 (memory.grow (local.get 0)) (i32.const 1)))
  (func (export "load-by-table") (param i32) (result i32)
    (i32.load offset=4 (table.grow (ref.null func) (local.get 0))))
  (func (export "extend") (param i32) (result i64) (i64.extend_i32_u (memory.grow (local.get 0))))
)

(assert_return (invoke "load" (i32.const 0)) (i32.const 0))
(assert_trap (invoke "load" (i32.const 2)) "out of bounds memory access")
(assert_trap (invoke "store" (i32.const 65536)) "out of bounds memory access")
(assert_trap (invoke "load-by-table" (i32.const 9)) "out of bounds memory access")
(assert_return (invoke "extend" (i32.const 9)) (i64.const 0xffffffff))
