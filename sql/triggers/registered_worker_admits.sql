create or replace trigger registered_worker_admits
after insert on pgdex.procrastinate_workers
for each statement execute function pgdex.admit_for_worker();
