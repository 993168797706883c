;; 128-bit sums and products: both halves in one sequence.
(module
  (func $add (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $sub (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func $add_with_carry (param i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (i64.const 0) (local.get 1) (i64.const 0)))
  (func $add_to_locals (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    (local.set 1) (local.set 0)
    (local.get 0) (local.get 1))
  (func $multiply (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))
  (func $multiply_signed (param i64 i64) (result i64 i64) (i64.mul_wide_s (local.get 0) (local.get 1)))
  (func $square (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0)))
  (func $multiply_and_add (param i64 i64 i64) (result i64 i64)
    (i64.add128 (i64.mul_wide_u (local.get 0) (local.get 1)) (local.get 2) (i64.const 0)))
)

;; function 0 $add:
;;     mov rax, rdi
;;     add rax, r8
;;     mov rcx, rsi
;;     adc rcx, r9
;;     ret

;; function 1 $sub:
;;     mov rax, rdi
;;     sub rax, r8
;;     mov rcx, rsi
;;     sbb rcx, r9
;;     ret

;; function 2 $add_with_carry:
;;     mov rax, rdi
;;     add rax, rsi
;;     mov ecx, 0
;;     adc rcx, 0
;;     ret

;; function 3 $add_to_locals:
;;     mov rax, rdi
;;     add rax, r8
;;     adc rsi, r9
;;     mov rdi, rax
;;     mov rax, rdi
;;     mov rcx, rsi
;;     ret

;; function 4 $multiply:
;;     mov rdx, rdi
;;     mulx rcx, rax, rsi
;;     ret

;; function 5 $multiply_signed:
;;     mov rax, rdi
;;     imul rsi
;;     mov rcx, rdx
;;     ret

;; function 6 $square:
;;     mov rdx, rdi
;;     mulx rcx, rax, rdi
;;     ret

;; function 7 $multiply_and_add:
;;     mov rdx, rdi
;;     mulx rax, rcx, rsi
;;     add rcx, r8
;;     adc rax, 0
;;     xchg rcx, rax
;;     ret
