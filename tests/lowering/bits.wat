;; BMI2, LZCNT, TZCNT and POPCNT.
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
;;     shlx eax, edi, esi
;;     ret

;; function 1 $shr_s:
;;     sarx rax, rdi, rsi
;;     ret

;; function 2 $shr_u:
;;     shrx eax, edi, esi
;;     ret

;; function 3 $rotl:
;;     mov ecx, esi
;;     mov eax, edi
;;     rol eax, cl
;;     ret

;; function 4 $rotl_7:
;;     rorx eax, edi, 0x19
;;     ret

;; function 5 $rotr_63:
;;     rorx rax, rdi, 0x3F
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
;;     xor eax, eax
;;     lzcnt eax, edi
;;     ret

;; function 9 $ctz:
;;     xor eax, eax
;;     tzcnt rax, rdi
;;     ret

;; function 10 $popcnt:
;;     xor eax, eax
;;     popcnt eax, edi
;;     ret

;; function 11 $popcnt_in_place:
;;     popcnt rdi, rdi
;;     mov rax, rdi
;;     ret
