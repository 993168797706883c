;; cpu: baseline
;; Shifts by `cl`; counting without instructions for it.
(module
  (func $shl (param i32 i32) (result i32) (i32.shl (local.get 0) (local.get 1)))
  (func $shr_s (param i64 i64) (result i64) (i64.shr_s (local.get 0) (local.get 1)))
  (func $shr_u (param i32 i32) (result i32) (i32.shr_u (local.get 0) (local.get 1)))
  (func $rotl (param i32 i32) (result i32) (i32.rotl (local.get 0) (local.get 1)))
  (func $rotl_7 (param i32) (result i32) (i32.rotl (local.get 0) (i32.const 7)))
  (func $rotr_63 (param i64) (result i64) (i64.rotr (local.get 0) (i64.const 63)))
  (func $shl_3 (param i64) (result i64) (i64.shl (local.get 0) (i64.const 3)))
  (func $count_is_masked (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 33)))
  (func $clz (param i32) (result i32) (i32.clz (local.get 0)))
  (func $ctz (param i64) (result i64) (i64.ctz (local.get 0)))
  (func $popcnt (param i32) (result i32) (i32.popcnt (local.get 0)))
  (func $popcnt_in_place (param i64) (result i64)
    (local.set 0 (i64.popcnt (local.get 0)))
    (local.get 0))
)

;; function 0 $shl:
;;     mov ecx, esi
;;     mov eax, edi
;;     shl eax, cl
;;     ret

;; function 1 $shr_s:
;;     mov rcx, rsi
;;     mov rax, rdi
;;     sar rax, cl
;;     ret

;; function 2 $shr_u:
;;     mov ecx, esi
;;     mov eax, edi
;;     shr eax, cl
;;     ret

;; function 3 $rotl:
;;     mov ecx, esi
;;     mov eax, edi
;;     rol eax, cl
;;     ret

;; function 4 $rotl_7:
;;     mov eax, edi
;;     rol eax, 7
;;     ret

;; function 5 $rotr_63:
;;     mov rax, rdi
;;     ror rax, 0x3F
;;     ret

;; function 6 $shl_3:
;;     mov rax, rdi
;;     shl rax, 3
;;     ret

;; function 7 $count_is_masked:
;;     mov eax, edi
;;     shr eax, 1
;;     ret

;; function 8 $clz:
;;     mov ecx, 0x3F
;;     xor eax, eax
;;     bsr eax, edi
;;     cmove eax, ecx
;;     xor eax, 0x1F
;;     ret

;; function 9 $ctz:
;;     mov ecx, 0x40
;;     xor eax, eax
;;     bsf rax, rdi
;;     cmove rax, rcx
;;     ret

;; function 10 $popcnt:
;;     mov eax, edi
;;     mov ecx, eax
;;     shr ecx, 1
;;     mov edx, 0x55555555
;;     and ecx, edx
;;     sub eax, ecx
;;     mov edx, 0x33333333
;;     mov ecx, eax
;;     shr ecx, 2
;;     and ecx, edx
;;     and eax, edx
;;     add eax, ecx
;;     mov ecx, eax
;;     shr ecx, 4
;;     add eax, ecx
;;     mov edx, 0xF0F0F0F
;;     and eax, edx
;;     mov edx, 0x1010101
;;     imul eax, edx
;;     shr eax, 0x18
;;     ret

;; function 11 $popcnt_in_place:
;;     mov rax, rdi
;;     mov rcx, rax
;;     shr rcx, 1
;;     mov rdx, 0x5555555555555555
;;     and rcx, rdx
;;     sub rax, rcx
;;     mov rdx, 0x3333333333333333
;;     mov rcx, rax
;;     shr rcx, 2
;;     and rcx, rdx
;;     and rax, rdx
;;     add rax, rcx
;;     mov rcx, rax
;;     shr rcx, 4
;;     add rax, rcx
;;     mov rdx, 0xF0F0F0F0F0F0F0F
;;     and rax, rdx
;;     mov rdx, 0x101010101010101
;;     imul rax, rdx
;;     shr rax, 0x38
;;     mov rdi, rax
;;     mov rax, rdi
;;     ret
