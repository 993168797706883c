;; A branch that may not be taken carries values from other heights than its target wants them at: what it writes for the
;; target must not be what stays on the stack.
(module
  (func (export "below") (param f64 f64 i32) (result f64 f64)
    (block (result f64 f64)
      (f64.const 9) (local.get 0) (local.get 1)
      (block)
      (br_if 0 (local.get 2))
      (f64.sub)))
  (func (export "held") (param i32 i32 i32) (result i32)
    (block (result i32)
      (local.get 0)
      (block)
      (local.get 1)
      (br_if 0 (local.get 2))
      (i32.sub))))

(assert_return (invoke "below" (f64.const 1) (f64.const 2) (i32.const 0)) (f64.const 9) (f64.const -1))
(assert_return (invoke "below" (f64.const 1) (f64.const 2) (i32.const 1)) (f64.const 1) (f64.const 2))
(assert_return (invoke "held" (i32.const 7) (i32.const 2) (i32.const 0)) (i32.const 5))
(assert_return (invoke "held" (i32.const 7) (i32.const 2) (i32.const 1)) (i32.const 2))
