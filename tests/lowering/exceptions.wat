;; A block that catches costs nothing until something is thrown; how it gets to its label lies behind the function.
(module
  (tag $e (param i32 f64))
  (func $throw (param i32) (throw $e (local.get 0) (f64.const 1.5)))
  (func $call (param i32) (result i32) (local.get 0))
  (func $catch (param $n i32) (result i32) (local $kept i32)
    (block $h (result i32 f64)
      (try_table (catch $e $h)
        (loop $l
          (local.set $kept (i32.add (local.get $kept) (call $call (local.get $n))))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
      (return (local.get $kept)))
    (drop)
    (i32.add (local.get $kept)))
  (func $again (param $n i32)
    (block $h (result exnref)
      (try_table (catch_all_ref $h) (drop (call $call (local.get $n))))
      (return))
    (throw_ref)))

;; function 0 $throw:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x28
;;     mov [rsp], rdi
;;     vmovsd xmm15, [rip+.1]
;;     vmovsd [rsp+0x10], xmm15
;;     mov edi, 0
;;     mov rsi, rsp
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x70]
;;     ud2 0
;; .1:
;;     00 00 00 00 00 00 f8 3f
;;     00 00 00 00 00 00 00 00

;; function 1 $call:
;;     mov eax, edi
;;     ret

;; function 2 $catch:
;;     mov eax, [rsp-0x27800]
;;     push rbx
;;     push rbp
;;     sub rsp, 8
;;     mov ebx, edi
;;     xor ebp, ebp
;; .2:
;;     mov edi, ebx
;;     call function 1
;;     add ebp, eax
;;     add ebx, 0xFFFFFFFF
;;     test ebx, ebx
;;     jne short .2
;;     mov eax, ebp
;;     add rsp, 8
;;     pop rbp
;;     pop rbx
;;     ret
;; .3:
;;     mov eax, [rsp]
;;     add eax, ebp
;;     add rsp, 8
;;     pop rbp
;;     pop rbx
;;     ret
;;     mov rcx, [rax]
;;     mov [rsp], rcx
;;     jmp short .3

;; function 3 $again:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x10
;;     call function 1
;;     add rsp, 0x10
;;     ret
;; .2:
;;     mov rdi, [rsp+8]
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x78]
;;     ud2 0
;;     mov [rsp+8], rdx
;;     jmp short .2
