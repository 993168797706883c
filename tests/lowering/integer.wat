;; Immediates, sums and small multiples as `lea`, masks, results straight into pinned registers.
(module
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $sub (param i64 i64) (result i64) (i64.sub (local.get 0) (local.get 1)))
  (func $add_imm8 (param i32) (result i32) (i32.add (local.get 0) (i32.const 7)))
  (func $sub_imm32 (param i64) (result i64) (i64.sub (local.get 0) (i64.const 0x12345678)))
  (func $add_imm64 (param i64) (result i64) (i64.add (local.get 0) (i64.const 0x123456789a)))
  (func $in_place (param i32) (result i32)
    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
    (local.set 0 (i32.xor (local.get 0) (i32.const -2)))
    (local.set 0 (i32.or (local.get 0) (i32.const 0x80)))
    (local.set 0 (i32.and (local.get 0) (i32.const 0xfffff)))
    (local.get 0))
  (func $masks (param i64) (result i64 i64 i64)
    (i64.and (local.get 0) (i64.const 0xff))
    (i64.and (local.get 0) (i64.const 0xffff))
    (i64.and (local.get 0) (i64.const 0xffffffff)))
  (func $scaled_sum (param i32 i32) (result i32)
    (i32.add (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2))) (i32.const 12)))
  (func $multiples (param i32) (result i32 i32 i32)
    (i32.mul (local.get 0) (i32.const 5))
    (i32.mul (local.get 0) (i32.const 8))
    (i32.mul (local.get 0) (i32.const 100)))
  (func $multiply (param i64 i64) (result i64) (i64.mul (local.get 0) (local.get 1)))
  (func $extend (param i32) (result i32 i64 i64)
    (i32.extend8_s (local.get 0))
    (i64.extend_i32_s (local.get 0))
    (i64.extend_i32_u (local.get 0)))
  (func $wrap_is_the_low_half (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
  (func $constants (result i32 i64 i64) (i32.const 0) (i64.const -1) (i64.const 0x1122334455667788))
)

;; function 0 $add:
;;     sub rsp, 8
;;     lea eax, [rdi+rsi]
;;     add rsp, 8
;;     ret

;; function 1 $sub:
;;     sub rsp, 8
;;     mov rax, rdi
;;     sub rax, rsi
;;     add rsp, 8
;;     ret

;; function 2 $add_imm8:
;;     sub rsp, 8
;;     lea eax, [rdi+7]
;;     add rsp, 8
;;     ret

;; function 3 $sub_imm32:
;;     sub rsp, 8
;;     lea rax, [rdi-0x12345678]
;;     add rsp, 8
;;     ret

;; function 4 $add_imm64:
;;     sub rsp, 8
;;     mov rax, 0x123456789A
;;     lea rcx, [rdi+rax]
;;     mov rax, rcx
;;     add rsp, 8
;;     ret

;; function 5 $in_place:
;;     sub rsp, 8
;;     add edi, 1
;;     xor edi, 0xFFFFFFFE
;;     or edi, 0x80
;;     and edi, 0xFFFFF
;;     mov rax, rdi
;;     add rsp, 8
;;     ret

;; function 6 $masks:
;;     sub rsp, 0x18
;;     movzx eax, dil
;;     movzx ecx, di
;;     mov edx, edi
;;     add rsp, 0x18
;;     ret

;; function 7 $scaled_sum:
;;     sub rsp, 8
;;     lea eax, [rdi+rsi*4+0xC]
;;     add rsp, 8
;;     ret

;; function 8 $multiples:
;;     sub rsp, 0x18
;;     lea eax, [rdi+rdi*4]
;;     mov ecx, edi
;;     shl ecx, 3
;;     imul edx, edi, 0x64
;;     add rsp, 0x18
;;     ret

;; function 9 $multiply:
;;     sub rsp, 8
;;     mov rax, rdi
;;     imul rax, rsi
;;     add rsp, 8
;;     ret

;; function 10 $extend:
;;     sub rsp, 0x10
;;     movsx eax, dil
;;     movsxd rcx, edi
;;     mov rdx, rdi
;;     add rsp, 0x10
;;     ret

;; function 11 $wrap_is_the_low_half:
;;     sub rsp, 8
;;     mov eax, edi
;;     add rsp, 8
;;     ret

;; function 12 $constants:
;;     xor eax, eax
;;     mov rcx, 0xFFFFFFFFFFFFFFFF
;;     mov rdx, 0x1122334455667788
;;     ret
