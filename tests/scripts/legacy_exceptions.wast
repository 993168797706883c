;; `try`, `catch`, `delegate` and `rethrow`.
(module
  (tag $e (param i32)) (tag $f)
  (func $throw (param i32)
    (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 10))))
    (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $f))))
  (func (export "catch") (param $n i32) (result i32) (local $x i32)
    (local.set $x (i32.const 100))
    try (result i32)
      (call $throw (local.get $n))
      (local.set $x (i32.const 200))
      (i32.const 1)
    catch $e
      (i32.add (local.get $x))
    catch_all
      (i32.const 2)
    end)
  (func (export "rethrow") (param $n i32) (result i32)
    try (result i32)
      try (result i32)
        (call $throw (local.get $n)) (i32.const 0)
      catch $e
        try
          (throw $f)
        catch $f
          rethrow 1
        end
      end
    catch $e
      (i32.add (i32.const 1))
    catch_all
      (i32.const 5)
    end)
  (func (export "delegate") (param $n i32) (result i32)
    try $outer (result i32)
      try (result i32)
        try
          (call $throw (local.get $n))
        delegate $outer
        (i32.const 3)
      catch_all
        (i32.const 4)
      end
    catch $e
    end)
  (func (export "caller") (param $n i32) (result i32)
    try $outer (result i32)
      try
        (call $throw (local.get $n))
      delegate 1
      (i32.const 6)
    catch_all
      (i32.const 7)
    end)
  (func (export "empty") (result i32) try (result i32) (i32.const 8) end)
  (func (export "branch") (param $n i32) (result i32)
    try $t (result i32)
      (call $throw (local.get $n))
      (br $t (i32.const 1))
    catch $e
      (br $t)
    catch_all
      (br $t (i32.const 9))
    end))
(assert_return (invoke "catch" (i32.const 0)) (i32.const 1))
(assert_return (invoke "catch" (i32.const 1)) (i32.const 110))
(assert_return (invoke "catch" (i32.const 2)) (i32.const 2))
(assert_return (invoke "rethrow" (i32.const 0)) (i32.const 0))
(assert_return (invoke "rethrow" (i32.const 1)) (i32.const 11))
(assert_return (invoke "rethrow" (i32.const 2)) (i32.const 5))
(assert_return (invoke "delegate" (i32.const 0)) (i32.const 3))
(assert_return (invoke "delegate" (i32.const 1)) (i32.const 10))
(assert_exception (invoke "delegate" (i32.const 2)))
(assert_return (invoke "caller" (i32.const 0)) (i32.const 6))
(assert_exception (invoke "caller" (i32.const 1)))
(assert_return (invoke "empty") (i32.const 8))
(assert_return (invoke "branch" (i32.const 0)) (i32.const 1))
(assert_return (invoke "branch" (i32.const 1)) (i32.const 10))
(assert_return (invoke "branch" (i32.const 2)) (i32.const 9))
