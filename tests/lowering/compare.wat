;; A compare stands directly before its branch, `cmov` or `setcc`; against zero it is `test`.
(module
  (func $set (param i32 i32) (result i32) (i32.lt_u (local.get 0) (local.get 1)))
  (func $is_zero (param i64) (result i32) (i64.eqz (local.get 0)))
  (func $with_constant (param i64) (result i32) (i64.gt_s (local.get 0) (i64.const 1000)))
  (func $constant_first (param i32) (result i32) (i32.gt_u (i32.const 10) (local.get 0)))
  (func $negated (param i32 i32) (result i32) (i32.eqz (i32.le_s (local.get 0) (local.get 1))))
  (func $branch (param i32 i32) (result i32)
    (if (result i32) (i32.ge_s (local.get 0) (local.get 1))
      (then (i32.const 1)) (else (i32.const 2))))
  (func $branch_if_zero (param i32)
    (block (br_if 0 (i32.eqz (local.get 0))) (unreachable)))
  (func $branch_on_bits (param i32)
    (block (br_if 0 (i32.and (local.get 0) (i32.const 4))) (unreachable)))
  (func $select (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $minimum (param i64 i64) (result i64)
    (select (local.get 0) (local.get 1) (i64.lt_s (local.get 0) (local.get 1))))
  (func $select_on_floats (param i32 i32 f64 f64) (result i32)
    (select (local.get 0) (local.get 1) (f64.lt (local.get 2) (local.get 3))))
  (func $select_floats (param f64 f64 i32) (result f64)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func $branch_on_floats (param f32 f32)
    (block (br_if 0 (f32.le (local.get 0) (local.get 1))) (unreachable)))
  (func $branch_on_equal_floats (param f32 f32)
    (block (br_if 0 (f32.eq (local.get 0) (local.get 1))) (unreachable)))
  (func $float_set (param f64 f64) (result i32 i32)
    (f64.gt (local.get 0) (local.get 1))
    (f64.ne (local.get 0) (local.get 1)))
  ;; "Above" is asked the other way round, or of the next constant.
  (func $above (param i32 i32) (result i32) (i32.gt_u (local.get 0) (local.get 1)))
  (func $above_constant (param i64) (result i32) (i64.gt_u (local.get 0) (i64.const 9)))
  (func $up_to_the_largest (param i32) (result i32) (i32.le_u (local.get 0) (i32.const -1)))
  (func $select_above (param i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (i32.gt_u (local.get 0) (local.get 1))))
  (func $branch_above (param i32 i32) (result i32)
    (if (i32.gt_u (local.get 0) (local.get 1)) (then (return (i32.const 1)))) (i32.const 2))
  ;; The result's home is an operand's: it cannot be zeroed before.
  (func $into_operand (param i32 i32) (result i32)
    (local.set 0 (i32.lt_s (local.get 0) (local.get 1))) (i32.add (local.get 0) (local.get 1)))
)

;; function 0 $set:
;;     xor eax, eax
;;     cmp edi, esi
;;     setb al
;;     ret

;; function 1 $is_zero:
;;     xor eax, eax
;;     test rdi, rdi
;;     sete al
;;     ret

;; function 2 $with_constant:
;;     xor eax, eax
;;     cmp rdi, 0x3E8
;;     setg al
;;     ret

;; function 3 $constant_first:
;;     xor eax, eax
;;     cmp edi, 0xA
;;     setb al
;;     ret

;; function 4 $negated:
;;     xor eax, eax
;;     cmp edi, esi
;;     setg al
;;     ret

;; function 5 $branch:
;;     cmp edi, esi
;;     jl short .1
;;     mov r8d, 1
;;     jmp short .2
;; .1:
;;     mov r8d, 2
;; .2:
;;     mov eax, r8d
;;     ret

;; function 6 $branch_if_zero:
;;     test edi, edi
;;     je short .1
;;     ud2 0
;; .1:
;;     ret

;; function 7 $branch_on_bits:
;;     mov eax, edi
;;     and eax, 4
;;     test eax, eax
;;     jne short .1
;;     ud2 0
;; .1:
;;     ret

;; function 8 $select:
;;     test r8d, r8d
;;     mov eax, edi
;;     cmove eax, esi
;;     ret

;; function 9 $minimum:
;;     cmp rdi, rsi
;;     mov rax, rdi
;;     cmovge rax, rsi
;;     ret

;; function 10 $select_on_floats:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vucomisd xmm9, xmm8
;;     mov eax, edi
;;     cmovbe eax, esi
;;     ret

;; function 11 $select_floats:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     test edi, edi
;;     vmovaps xmm0, xmm8
;;     jne short .1
;;     vmovaps xmm0, xmm9
;; .1:
;;     ret

;; function 12 $branch_on_floats:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vucomiss xmm9, xmm8
;;     jae short .1
;;     ud2 0
;; .1:
;;     ret

;; function 13 $branch_on_equal_floats:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vucomiss xmm8, xmm9
;;     jp short .1
;;     je short .2
;; .1:
;;     ud2 0
;; .2:
;;     ret

;; function 14 $float_set:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     xor eax, eax
;;     vucomisd xmm8, xmm9
;;     seta al
;;     vcmpneqsd xmm15, xmm8, xmm9
;;     vmovd ecx, xmm15
;;     and ecx, 1
;;     ret

;; function 15 $above:
;;     xor eax, eax
;;     cmp esi, edi
;;     setb al
;;     ret

;; function 16 $above_constant:
;;     xor eax, eax
;;     cmp rdi, 0xA
;;     setae al
;;     ret

;; function 17 $up_to_the_largest:
;;     xor eax, eax
;;     cmp edi, 0xFFFFFFFF
;;     setbe al
;;     ret

;; function 18 $select_above:
;;     cmp esi, edi
;;     mov eax, edi
;;     cmovae eax, esi
;;     ret

;; function 19 $branch_above:
;;     cmp edi, esi
;;     jbe short .1
;;     mov eax, 1
;;     ret
;; .1:
;;     mov eax, 2
;;     ret

;; function 20 $into_operand:
;;     cmp edi, esi
;;     setl dil
;;     movzx edi, dil
;;     lea eax, [rdi+rsi]
;;     ret
