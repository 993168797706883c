;; Exceptions of before WebAssembly 3.0, folded as the scripts of that proposal are.

(module
  (tag $e (param i32))
  (tag $other)
  (func $throw (param i32) (throw $e (local.get 0)))

  (func (export "catch") (param i32) (result i32)
    (try (result i32)
      (do (call $throw (local.get 0)) (i32.const -1))
      (catch $other (i32.const -2))
      (catch $e (i32.add (i32.const 1)))))

  (func (export "catch all") (result i32)
    (try $l (result i32)
      (do (throw $other) (i32.const -1))
      (catch $e)
      (catch_all (i32.const 7))))

  (func (export "nothing") (try (do)) (try (do) (catch_all)))

  ;; ( try (do) ) in a comment, and an operand that is a try.
  (func (export "condition") (param i32) (result i32)
    (if (result i32)
      ( try (result i32) (; here ;) ( do (call $throw (local.get 0)) (i32.const -1)) (catch $e))
      (then (i32.const 10))
      (else (i32.const 20))))

  (func (export "sum") (param i32) (result i32)
    (i32.add
      (try (result i32) (do (call $throw (local.get 0)) (i32.const -1)) (catch $e))
      (i32.const 100)))

  (func (export "delegate") (param i32) (result i32)
    (try $outer (result i32)
      (do
        (try (result i32)
          (do
            (try (result i32)
              (do (call $throw (local.get 0)) (i32.const -1))
              (delegate $outer)))
          (catch_all (i32.const -2))))
      (catch $e (i32.mul (i32.const 2)))))

  (func (export "rethrow") (param i32) (result i32)
    (try (result i32)
      (do
        (try (result i32)
          (do (call $throw (local.get 0)) (i32.const -1))
          (catch $e (drop) (rethrow 0))))
      (catch $e)))

  ;; The clauses of `try_table` are none of `try`.
  (func (export "both") (param i32) (result i32)
    (try (result i32)
      (do (block $caught (result i32)
        (try_table (result i32) (catch $e $caught) (call $throw (local.get 0)) (i32.const -1))))
      (catch_all (i32.const -2))))
)

(assert_return (invoke "catch" (i32.const 4)) (i32.const 5))
(assert_return (invoke "catch all") (i32.const 7))
(assert_return (invoke "nothing"))
(assert_return (invoke "condition" (i32.const 1)) (i32.const 10))
(assert_return (invoke "condition" (i32.const 0)) (i32.const 20))
(assert_return (invoke "sum" (i32.const 5)) (i32.const 105))
(assert_return (invoke "delegate" (i32.const 21)) (i32.const 42))
(assert_return (invoke "rethrow" (i32.const 3)) (i32.const 3))
(assert_return (invoke "both" (i32.const 9)) (i32.const 9))

(module
  (func (export "string") (result i32) (try (result i32) (do (i32.const 1)) (catch_all (i32.const 2))))
  (export "(try (do" (func 0)))
(assert_return (invoke "(try (do") (i32.const 1))
