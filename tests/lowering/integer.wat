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
  ;; rbp as a base would have a displacement: it is the index.
  (func $sums_across_calls (param i32 i32) (result i32) (local i32)
    (loop $again
      (drop (call $sums_across_calls (local.get 0) (local.get 1)))
      (local.set 2 (i32.add (local.get 0) (local.get 1)))
      (drop (call $sums_across_calls (local.get 1) (local.get 2)))
      (local.set 0 (i32.add (local.get 2) (local.get 1)))
      (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
    (local.get 0))
)

;; function 0 $add:
;;     lea eax, [rdi+rsi]
;;     ret

;; function 1 $sub:
;;     mov rax, rdi
;;     sub rax, rsi
;;     ret

;; function 2 $add_imm8:
;;     lea eax, [rdi+7]
;;     ret

;; function 3 $sub_imm32:
;;     lea rax, [rdi-0x12345678]
;;     ret

;; function 4 $add_imm64:
;;     mov rax, 0x123456789A
;;     lea rcx, [rdi+rax]
;;     mov rax, rcx
;;     ret

;; function 5 $in_place:
;;     add edi, 1
;;     xor edi, 0xFFFFFFFE
;;     or edi, 0x80
;;     and edi, 0xFFFFF
;;     mov eax, edi
;;     ret

;; function 6 $masks:
;;     movzx eax, dil
;;     movzx ecx, di
;;     mov edx, edi
;;     ret

;; function 7 $scaled_sum:
;;     lea eax, [rdi+rsi*4+0xC]
;;     ret

;; function 8 $multiples:
;;     lea eax, [rdi+rdi*4]
;;     mov ecx, edi
;;     shl ecx, 3
;;     imul edx, edi, 0x64
;;     ret

;; function 9 $multiply:
;;     mov rax, rdi
;;     imul rax, rsi
;;     ret

;; function 10 $extend:
;;     movsx eax, dil
;;     movsxd rcx, edi
;;     mov rdx, rdi
;;     ret

;; function 11 $wrap_is_the_low_half:
;;     mov eax, edi
;;     ret

;; function 12 $constants:
;;     xor eax, eax
;;     mov rcx, 0xFFFFFFFFFFFFFFFF
;;     mov rdx, 0x1122334455667788
;;     ret

;; function 13 $sums_across_calls:
;;     mov eax, [rsp-0x27800]
;;     push rbx
;;     push rbp
;;     push r11
;;     mov ebx, esi
;;     mov ebp, edi
;; .2:
;;     mov edi, ebp
;;     mov esi, ebx
;;     call function 13
;;     lea r11d, [rbx+rbp]
;;     mov edi, ebx
;;     mov esi, r11d
;;     call function 13
;;     lea ebp, [r11+rbx]
;;     add ebx, 0xFFFFFFFF
;;     test ebx, ebx
;;     jne short .2
;;     mov eax, ebp
;;     pop r11
;;     pop rbp
;;     pop rbx
;;     ret
