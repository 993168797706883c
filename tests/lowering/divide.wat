;; By constants through multiplication and shifts; else the instruction, whose faults are the traps.
(module
  (func $u32_by_10 (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 10)))
  (func $u32_by_7 (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 7)))
  (func $u32_by_8 (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 8)))
  (func $u32_rest_of_10 (param i32) (result i32) (i32.rem_u (local.get 0) (i32.const 10)))
  (func $u32_rest_of_16 (param i32) (result i32) (i32.rem_u (local.get 0) (i32.const 16)))
  (func $s32_by_10 (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 10)))
  (func $s32_by_minus_1 (param i32) (result i32) (i32.div_s (local.get 0) (i32.const -1)))
  (func $s32_by_4 (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 4)))
  (func $s32_rest_of_4 (param i32) (result i32) (i32.rem_s (local.get 0) (i32.const 4)))
  (func $u64_by_10 (param i64) (result i64) (i64.div_u (local.get 0) (i64.const 10)))
  (func $u64_by_7 (param i64) (result i64) (i64.div_u (local.get 0) (i64.const 7)))
  (func $s64_by_1000 (param i64) (result i64) (i64.div_s (local.get 0) (i64.const 1000)))
  (func $by_zero (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 0)))
  (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $remainder (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func $unsigned (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
)

;; function 0 $u32_by_10:
;;     mov edx, edi
;;     mov rax, 0x199999999999999A
;;     mul rdx
;;     mov eax, edx
;;     ret

;; function 1 $u32_by_7:
;;     mov edx, edi
;;     mov rax, 0x2492492492492493
;;     mul rdx
;;     mov eax, edx
;;     ret

;; function 2 $u32_by_8:
;;     mov edx, edi
;;     shr edx, 3
;;     mov eax, edx
;;     ret

;; function 3 $u32_rest_of_10:
;;     mov edx, edi
;;     mov rax, 0x199999999999999A
;;     mul rdx
;;     imul edx, 0xA
;;     mov eax, edi
;;     sub eax, edx
;;     ret

;; function 4 $u32_rest_of_16:
;;     mov edx, edi
;;     and edx, 0xF
;;     mov eax, edx
;;     ret

;; function 5 $s32_by_10:
;;     movsxd rax, edi
;;     mov edx, 0xCCCCCCCD
;;     imul rdx, rax
;;     sar rdx, 0x23
;;     shr rax, 0x3F
;;     add edx, eax
;;     mov eax, edx
;;     ret

;; function 6 $s32_by_minus_1:
;;     mov eax, 0xFFFFFFFF
;;     mov ecx, eax
;;     mov eax, edi
;;     cdq
;;     idiv ecx
;;     ret

;; function 7 $s32_by_4:
;;     mov edx, edi
;;     sar edx, 0x1F
;;     shr edx, 0x1E
;;     add edx, edi
;;     sar edx, 2
;;     mov eax, edx
;;     ret

;; function 8 $s32_rest_of_4:
;;     mov edx, edi
;;     sar edx, 0x1F
;;     shr edx, 0x1E
;;     add edx, edi
;;     sar edx, 2
;;     imul edx, 4
;;     mov eax, edi
;;     sub eax, edx
;;     ret

;; function 9 $u64_by_10:
;;     mov rax, 0xCCCCCCCCCCCCCCCD
;;     mul rdi
;;     shr rdx, 3
;;     mov rax, rdx
;;     ret

;; function 10 $u64_by_7:
;;     mov rax, 0x2492492492492493
;;     mul rdi
;;     mov rax, rdi
;;     sub rax, rdx
;;     shr rax, 1
;;     add rdx, rax
;;     shr rdx, 2
;;     mov rax, rdx
;;     ret

;; function 11 $s64_by_1000:
;;     mov rax, 0x83126E978D4FDF3C
;;     imul rdi
;;     add rdx, rdi
;;     sar rdx, 9
;;     mov rax, rdi
;;     shr rax, 0x3F
;;     add rdx, rax
;;     mov rax, rdx
;;     ret

;; function 12 $by_zero:
;;     mov eax, 0
;;     mov ecx, eax
;;     mov eax, edi
;;     xor edx, edx
;;     div ecx
;;     ret

;; function 13 $divide:
;;     mov eax, edi
;;     cdq
;;     idiv esi
;;     ret

;; function 14 $remainder:
;;     mov rax, rdi
;;     mov rdx, rax
;;     or rdx, rsi
;;     shr rdx, 0x20
;;     je .2
;;     cmp rsi, 0xFFFFFFFFFFFFFFFF
;;     je .3
;;     cqo
;;     idiv rsi
;; .1:
;;     mov rax, rdx
;;     ret
;; .2:
;;     div esi
;;     jmp short .1
;; .3:
;;     xor edx, edx
;;     jmp short .1

;; function 15 $unsigned:
;;     mov rax, rdi
;;     mov rdx, rax
;;     or rdx, rsi
;;     shr rdx, 0x20
;;     je .2
;;     xor edx, edx
;;     div rsi
;; .1:
;;     mov rax, rdx
;;     ret
;; .2:
;;     div esi
;;     jmp short .1
